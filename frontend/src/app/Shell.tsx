import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { auth, person } from "../auth/session";
import { Menu } from "../ui/Menu";
import { paths, route } from "./router";
import "./shell.css";

const isOnline = signal(navigator.onLine);
addEventListener("online", () => (isOnline.value = true));
addEventListener("offline", () => (isOnline.value = false));

const TITLES = {
  new: "New model",
  history: "Your photos",
  session: "Photo",
  "sign-in": "",
  missing: "Not found",
};

/** What stands around every page. */
export function Shell({ children }: { children: ComponentChildren }) {
  const page = person.value ? route.value.page : "sign-in";
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    const title = TITLES[page];
    document.title = title ? `${title} · Gen3D` : "Gen3D";
    // A page without a load gives screen readers and keyboards no start of its own.
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [page]);

  return (
    <div class={`shell shell-${page}`}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // the way back leads to the page before, not to its top
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="bar">
        <a class="bar-brand" href={paths.new} aria-label="Gen3D, start">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          <span>Gen3D</span>
        </a>
        {person.value && (
          <nav aria-label="Main">
            <a href={paths.new} aria-current={page === "new" ? "page" : undefined}>
              New
            </a>
            <a href={paths.history} aria-current={page === "history" ? "page" : undefined}>
              History
            </a>
          </nav>
        )}
        {person.value && (
          <div class="bar-person">
            <span class="bar-email">{person.value.email}</span>
            <Menu label="Your account" items={[{ label: "Sign out", run: () => void auth.signOut() }]} />
          </div>
        )}
      </header>
      <div role="status" class="bar-offline-place">
        {!isOnline.value && (
          <p class="bar-offline">
            You are offline. What you do is kept, and goes on when the network is back.
          </p>
        )}
      </div>
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}
