/** What can go wrong with embedding and decoder, in the form of docs/errors.md; passes between worker and page. */
import type { Problem } from "../api/types";

export interface Failure {
  code: Problem["code"] | "network" | "page_error";
  message: string;
  hint: string;
  /** For the curious and for a report. */
  detail?: string;
}

export class DecoderFailure extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
    this.name = "DecoderFailure";
  }
}

export const corrupt = (detail?: string): DecoderFailure =>
  new DecoderFailure({
    code: "embedding_corrupt",
    message: "What prepares the photo for clicks is damaged or incomplete.",
    hint: "Try again; if it fails again, upload the photo anew.",
    ...(detail && { detail }),
  });

export const mismatch = (detail?: string): DecoderFailure =>
  new DecoderFailure({
    code: "decoder_mismatch",
    message: "The photo was prepared by another engine than its decoder belongs to.",
    hint: "Upload the photo anew; if it fails again, the operator must deploy services and container together.",
    ...(detail && { detail }),
  });

export const unreachable = (): DecoderFailure =>
  new DecoderFailure({
    code: "network",
    message: "What makes masks of clicks could not be fetched.",
    hint: "Check your connection, then reload it. Your clicks are kept.",
  });

export const insecure = (): DecoderFailure =>
  new DecoderFailure({
    code: "page_error",
    message: "This address is not secure, so the browser cannot check what it fetches.",
    hint: "Open Gen3D by HTTPS, or as localhost on the computer that it runs on.",
  });

/** Any error as a failure. */
export function failureOf(error: unknown): Failure {
  if (error instanceof DecoderFailure) return error.failure;
  return {
    code: "page_error",
    message: "What makes masks of clicks has stopped.",
    hint: "Reload it, or start over. Your clicks are kept.",
    detail: error instanceof Error ? error.message : String(error),
  };
}
