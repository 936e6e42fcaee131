import type { ComponentChildren, JSX } from "preact";

import "./button.css";

type Native = Omit<JSX.IntrinsicElements["button"], "class" | "className" | "loading">;

interface ButtonProps extends Native {
  kind?: "primary" | "plain" | "quiet" | "danger";
  /** Keeps the button's place and says that its work is under way; it then does nothing more. */
  busy?: boolean;
  children: ComponentChildren;
}

export function Button({ kind = "plain", busy = false, type = "button", onClick, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      class={`button button-${kind}`}
      aria-busy={busy}
      aria-disabled={busy || undefined}
      onClick={(event) => (busy ? event.preventDefault() : onClick?.call(event.currentTarget, event))}
    />
  );
}
