// Starts a job: the API's answer holds a form, and the mask's arrival at S3 is the start.
import { api } from "../api/client";
import type { Form, JobOptions } from "../api/types";
import { upload } from "../api/upload";
import type { SelectedObject } from "../app/contracts";
import { maskPng } from "./mask-png";

/** One object on its way to a job. Can be sent again after a failure without making a second job. */
export class Start {
  private jobId: string | undefined;
  private readonly key = crypto.randomUUID();

  constructor(
    private readonly sessionId: string,
    private readonly object: SelectedObject,
  ) {}

  /** Resolves with the job's id when its mask has arrived. Throws Refusal. */
  async send(options: JobOptions, onProgress: (share: number) => void): Promise<string> {
    const { mask, width, height } = this.object;
    const png = await maskPng(mask, width, height);
    const form = this.jobId === undefined ? await this.create(options) : await this.freshForm(this.jobId);
    if (form) await upload(form, png, { onProgress });
    if (this.jobId === undefined) throw new Error("a job without an id");
    return this.jobId;
  }

  private async create(options: JobOptions): Promise<Form | undefined> {
    const { name, clicks, refinements } = this.object;
    const job = { options, ...(name && { name }), clicks, refinements };
    const created = await api.createJob(this.sessionId, job, this.key);
    this.jobId = created.job_id;
    return created.upload;
  }

  /** None where the mask did arrive, and only the answer was lost. */
  private async freshForm(jobId: string): Promise<Form | undefined> {
    return (await api.job(this.sessionId, jobId)).upload;
  }
}
