import { signal } from "@preact/signals";

import { Button } from "./Button";
import "./toast.css";

interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const SECONDS = 10;
const toasts = signal<Toast[]>([]);
let last = 0;

/** Says something at the edge of the page for a while, with one thing to do about it if there is one. */
export function toast(text: string, action?: Toast["action"]): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, ...(action && { action }) }];
  setTimeout(() => dismiss(id), SECONDS * 1000);
}

function dismiss(id: number): void {
  // Not from under a finger or the keyboard's focus.
  if (document.querySelector(`#toast-${id}:is(:hover, :focus-within)`)) {
    setTimeout(() => dismiss(id), 1000);
    return;
  }
  toasts.value = toasts.value.filter((it) => it.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, text, action }) => (
        <div class="toast" id={`toast-${id}`} key={id}>
          <p>{text}</p>
          {action && (
            <Button
              onClick={() => {
                toasts.value = toasts.value.filter((it) => it.id !== id);
                action.run();
              }}
            >
              {action.label}
            </Button>
          )}
        </div>
      ))}
    </div>
  );
}
