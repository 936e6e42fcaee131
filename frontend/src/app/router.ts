/** Where the person is: the path of the address, as one of the pages. */
import { computed, signal } from "@preact/signals";

export type Route =
  | { page: "sign-in" }
  | { page: "new" }
  | { page: "history" }
  | { page: "session"; sessionId: string; jobId?: string; making?: true }
  | { page: "missing" };

const SESSION = /^\/sessions\/(ses_[0-9A-Z]{26})(?:\/jobs\/(job_[0-9A-Z]{26}))?(\/make)?\/?$/;

export function parse(path: string): Route {
  const session = SESSION.exec(path);
  if (session?.[1]) {
    const [, sessionId, jobId, making] = session;
    return { page: "session", sessionId, ...(jobId && { jobId }), ...(making && { making: true }) };
  }
  switch (path.replace(/\/$/, "")) {
    case "":
      return { page: "new" };
    case "/sessions":
      return { page: "history" };
    case "/sign-in":
      return { page: "sign-in" };
    default:
      return { page: "missing" };
  }
}

export const paths = {
  new: "/",
  history: "/sessions",
  signIn: "/sign-in",
  session: (sessionId: string) => `/sessions/${sessionId}`,
  job: (sessionId: string, jobId: string) => `/sessions/${sessionId}/jobs/${jobId}`,
  /** Where models are made of what was marked; or again, with a job's mask. */
  make: (sessionId: string, jobId?: string) =>
    `${jobId === undefined ? paths.session(sessionId) : paths.job(sessionId, jobId)}/make`,
};

const path = signal(location.pathname);
export const route = computed(() => parse(path.value));

export function go(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  if (path.value === to) return;
  path.value = to;
  scrollTo(0, 0);
}

/** Follow the page's own links without loading it anew; leave the others, and new tabs, to the browser. */
export function followLinks(): void {
  addEventListener("popstate", () => (path.value = location.pathname));
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const own = link.origin === location.origin && parse(link.pathname).page !== "missing";
    if (!own || link.target || link.hasAttribute("download")) return;
    event.preventDefault();
    go(link.pathname);
  });
}
