import type { ComponentChildren } from "preact";

import "./empty.css";

interface EmptyStateProps {
  title: string;
  /** `h1` where it is all that the page has to say. */
  heading?: "h1" | "h2";
  children?: ComponentChildren;
}

/** What stands where there is nothing yet: what would be here, and how to get it. */
export function EmptyState({ title, heading: Heading = "h2", children }: EmptyStateProps) {
  return (
    <div class="empty">
      <Heading>{title}</Heading>
      {children}
    </div>
  );
}
