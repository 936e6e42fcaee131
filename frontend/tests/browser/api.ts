/** The API without the page (docs/api.md). */
import type { APIRequestContext } from "@playwright/test";

import type { CreatedJob, CreatedSession, Form, NewJob, SessionView } from "../../src/api/types";
import type { File } from "./test";

const PAUSE = 250;
const LONGEST = 60_000;
const AGAIN = { maxRetries: 2 }; // a connection that was kept may be closed just as it is used

export class Api {
  /** requests: of the demo user, to the site. */
  constructor(private readonly requests: APIRequestContext) {}

  /** A session whose photo is accepted. */
  async session(photo: File): Promise<string> {
    const data = { filename: photo.name, content_type: photo.mimeType };
    const { session_id, upload } = await this.post<CreatedSession>("/sessions", data);
    await this.send(upload, photo);
    for (const end = Date.now() + LONGEST; Date.now() < end; await pause()) {
      const reply = await this.requests.get(`/api/sessions/${session_id}`, AGAIN);
      const session = (await reply.json()) as SessionView;
      if (session.photo) return session_id;
      if (session.problem) throw new Error(session.problem.message);
    }
    throw new Error(`${photo.name} was not accepted in time.`);
  }

  /** A job, whose mask is sent if there is one; its page's path. */
  async job(sessionId: string, job: NewJob, mask?: File): Promise<string> {
    const { job_id, upload } = await this.post<CreatedJob>(`/sessions/${sessionId}/jobs`, job);
    if (!upload) throw new Error("The job takes no mask.");
    if (mask) await this.send(upload, mask);
    return `/sessions/${sessionId}/jobs/${job_id}`;
  }

  /** How much of the photo the masks of a session's jobs cover, by the jobs' names. */
  async masks(sessionId: string): Promise<Record<string, number | undefined>> {
    const reply = await this.requests.get(`/api/sessions/${sessionId}`, AGAIN);
    const { jobs } = (await reply.json()) as SessionView;
    return Object.fromEntries(
      jobs.map(({ name, events }) => [name, events.reconstruction_requested?.mask.coverage]),
    );
  }

  private async post<Answer>(path: string, data: object): Promise<Answer> {
    const reply = await this.requests.post(`/api${path}`, { data, ...AGAIN });
    if (!reply.ok()) throw new Error(`${path}: ${reply.status()} ${await reply.text()}`);
    return (await reply.json()) as Answer;
  }

  private async send({ url, fields }: Form, file: File): Promise<void> {
    const headers = { Authorization: "" }; // the form is permission enough
    const reply = await this.requests.post(url, { headers, multipart: { ...fields, file }, ...AGAIN });
    if (!reply.ok()) throw new Error(`${file.name}: ${reply.status()} ${await reply.text()}`);
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE));
