/** Everything that can go wrong has a code for programs, and a sentence and a hint for people. */
import type { Problem } from "./types";

/** Codes of the page's own, beside those of docs/errors.md. */
export type OwnCode = "network" | "service_unavailable" | "upload_failed" | "cancelled" | "page_error";

export class Refusal extends Error {
  constructor(
    readonly code: Problem["code"] | OwnCode,
    message: string,
    readonly hint: string,
    /** HTTP status, where there was an answer. */
    readonly status?: number,
  ) {
    super(message);
    this.name = "Refusal";
  }
}

export const offline = (): Refusal =>
  new Refusal("network", "Gen3D could not be reached.", "Check your connection, then try again.");

/** Something on the way to Gen3D answered, or a part of it that cannot now. */
export const unavailable = (status: number): Refusal =>
  new Refusal("service_unavailable", "Gen3D does not answer as it should.", "Try again in a moment.", status);

export const cancelled = (): Refusal => new Refusal("cancelled", "The upload was cancelled.", "");

/** Any error in the one form in which the page shows errors. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const refusal = new Refusal(
    "page_error",
    "Something unexpected went wrong in the page.",
    "Reload the page. If it happens again, send us a report.",
  );
  refusal.cause = error;
  return refusal;
}
