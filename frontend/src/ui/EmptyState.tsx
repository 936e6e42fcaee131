import type { ComponentChildren } from "preact";

import "./empty.css";

interface EmptyStateProps {
  title: string;
  children?: ComponentChildren;
}

/** What stands where there is nothing yet: what would be here, and how to get it. */
export function EmptyState({ title, children }: EmptyStateProps) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
