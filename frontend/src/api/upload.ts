/** A file's way to S3 by a presigned POST. XMLHttpRequest, because fetch tells nothing of an upload's progress. */
import { cancelled, offline, Refusal, unavailable } from "./problem";
import type { Form } from "./types";

interface UploadOptions {
  /** How much is there, 0 to 1. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
}

export function upload(form: Form, file: Blob, { onProgress, signal }: UploadOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled());
    const body = new FormData();
    for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
    body.append("file", file); // S3 ignores every field after the file
    const request = new XMLHttpRequest();
    request.open("POST", form.url);
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(loaded / total);
    request.onload = () => (request.status < 300 ? resolve() : reject(refused(request)));
    request.onerror = () => reject(offline());
    request.onabort = () => reject(cancelled());
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

/** S3 answers with XML, which tells a form that is too old, or S3 too busy, from a file that is too large. */
function refused(request: XMLHttpRequest): Refusal {
  const code = /<Code>(\w+)<\/Code>/.exec(request.responseText)?.[1];
  if (code === "EntityTooLarge") {
    return new Refusal("image_too_heavy", "The file is larger than 20 MB.", "Choose a smaller one.", 400);
  }
  const expired = /expired/i.test(request.responseText); // the form, or what it was signed with
  if (expired || request.status >= 500) return unavailable(request.status);
  return new Refusal("upload_failed", "The upload was not accepted.", "Try again.", request.status);
}
