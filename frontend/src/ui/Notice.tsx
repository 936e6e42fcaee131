import type { ComponentChildren } from "preact";

import "./notice.css";

interface NoticeProps {
  kind?: "info" | "good" | "warn" | "bad";
  title: string;
  /** What can be done about it. */
  hint?: string | undefined;
  children?: ComponentChildren;
}

/** Something that a person must know, where it matters. What is bad is read aloud at once. */
export function Notice({ kind = "info", title, hint, children }: NoticeProps) {
  return (
    <div class={`notice notice-${kind}`} role={kind === "bad" ? "alert" : "status"}>
      <p class="notice-title">{title}</p>
      {hint && <p>{hint}</p>}
      {children && <div class="notice-actions">{children}</div>}
    </div>
  );
}
