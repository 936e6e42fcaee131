/** Errors that nobody expected: shown once, and reported only if the person wants that. */
import { signal } from "@preact/signals";

import { api } from "../api/client";
import { Refusal } from "../api/problem";
import { route } from "./router";

export const unexpected = signal<Error | null>(null);

export function watchErrors(): void {
  addEventListener("error", ({ error }) => notice(error));
  addEventListener("unhandledrejection", ({ reason }) => notice(reason));
}

export function notice(error: unknown): void {
  if (error instanceof Refusal && error.code !== "page_error") return; // somebody shows it already
  const cause = error instanceof Refusal ? error.cause : error;
  if (cause instanceof Error) unexpected.value = cause;
}

export async function report(error: Error): Promise<void> {
  const at = route.value;
  await api.reportError({
    message: error.message || error.name,
    ...(error.stack && { stack: error.stack }),
    page: location.pathname,
    release: __RELEASE__,
    ...(at.page === "session" && { session_id: at.sessionId }),
    ...(at.page === "session" && at.jobId && { job_id: at.jobId }),
  });
}
