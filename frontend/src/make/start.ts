// Starts a job: the API's answer holds a form, and the mask's arrival at S3 is the start.
import { api } from "../api/client";
import type { Form, JobOptions, JobView } from "../api/types";
import { upload } from "../api/upload";
import type { SelectedObject } from "../app/contracts";

/** Idempotency keys: the same for the same options in a row, a new one for others, which ask for another job. */
export function jobKeys(): (options: JobOptions) => string {
  let last = { options: "", key: "" };
  return (options) => {
    const said = JSON.stringify(options);
    if (said !== last.options) last = { options: said, key: crypto.randomUUID() };
    return last.key;
  };
}

/** One object on its way to a job. Can be sent again after a failure without making a second job of these options. */
export class Start {
  private readonly keyOf = jobKeys();
  private made: { jobId: string; key: string } | undefined;

  constructor(
    private readonly sessionId: string,
    private readonly object: SelectedObject,
    /** Jobs that wait for a mask which nobody sends; each goes to the first start that it fits. */
    private readonly vacant: JobView[] = [],
  ) {}

  /** Resolves with the job's id when its mask has arrived. Throws Refusal. */
  async send(options: JobOptions, onProgress: (share: number) => void): Promise<string> {
    const key = this.keyOf(options);
    const { jobId, form } =
      this.made?.key === key ? await this.again(this.made.jobId) : await this.create(options, key);
    if (form) await upload(form, this.object.png, { onProgress });
    return jobId;
  }

  private async create(options: JobOptions, key: string): Promise<Sent> {
    const { name, clicks, refinements } = this.object;
    const found = this.vacant.findIndex((it) => it.name === name && alike(it.options, options));
    const [waiting] = found < 0 ? [] : this.vacant.splice(found, 1);
    const filled = waiting && (await this.again(waiting.job_id));
    if (filled?.form) {
      this.made = { jobId: filled.jobId, key };
      return filled;
    }
    const job = { options, ...(name && { name }), clicks, refinements };
    const { job_id: jobId, upload: form } = await api.createJob(this.sessionId, job, key);
    this.made = { jobId, key };
    return { jobId, form };
  }

  /** Without a form where the mask did arrive, and only the answer was lost. */
  private async again(jobId: string): Promise<Sent> {
    return { jobId, form: (await api.job(this.sessionId, jobId)).upload };
  }
}

interface Sent {
  jobId: string;
  form: Form | undefined;
}

function alike(one: JobOptions, other: JobOptions): boolean {
  const said = ({ quality, formats, texture, seed }: JobOptions) =>
    JSON.stringify([quality, [...formats].sort(), texture, seed]);
  return said(one) === said(other);
}
