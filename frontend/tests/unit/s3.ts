/** S3 as an upload sees it, in place of XMLHttpRequest. */
import { vi } from "vitest";

export interface Answer {
  /** 0: none comes. */
  status: number;
  text?: string;
}

/** next: the next answer; where there is none any more, the file is on its way for good. */
export function stubS3(next: () => Answer | undefined): void {
  class Sending {
    status = 0;
    responseText = "";
    upload = {};
    onload = () => undefined;
    onerror = () => undefined;
    onabort = () => undefined;
    open(): void {}
    abort(): void {
      this.onabort();
    }
    send(): void {
      const answer = next();
      if (!answer) return;
      this.status = answer.status;
      this.responseText = answer.text ?? "";
      queueMicrotask(answer.status ? this.onload : this.onerror);
    }
  }
  vi.stubGlobal("XMLHttpRequest", Sending);
}
