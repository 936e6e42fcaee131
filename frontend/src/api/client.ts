/** The API's routes, as docs/openapi.json describes them. */
import { request, type RequestOptions } from "./http";
import type {
  ClientError,
  CreatedJob,
  CreatedSession,
  Deletion,
  JobView,
  Link,
  NewJob,
  NewSession,
  SessionList,
  SessionView,
  Ticket,
  Usage,
} from "./types";

const job = (sessionId: string, jobId: string) => `/sessions/${sessionId}/jobs/${jobId}`;

export const api = {
  createSession: (body: NewSession, options: RequestOptions) =>
    request<CreatedSession>("POST", "/sessions", body, options),
  listSessions: (query: { cursor?: string | undefined; deleted?: boolean } = {}) =>
    request<SessionList>("GET", `/sessions?${search({ limit: "24", ...query })}`),
  session: (sessionId: string) => request<SessionView>("GET", `/sessions/${sessionId}`),
  renameSession: (sessionId: string, name: string | null) =>
    request<SessionView>("PATCH", `/sessions/${sessionId}`, { name }),
  deleteSession: (sessionId: string) => request<Deletion>("DELETE", `/sessions/${sessionId}`),
  restoreSession: (sessionId: string) => request<SessionView>("POST", `/sessions/${sessionId}/restore`),
  createJob: (sessionId: string, body: NewJob, key: string) =>
    request<CreatedJob>("POST", `/sessions/${sessionId}/jobs`, body, { key }),
  job: (sessionId: string, jobId: string) => request<JobView>("GET", job(sessionId, jobId)),
  renameJob: (sessionId: string, jobId: string, name: string | null) =>
    request<JobView>("PATCH", job(sessionId, jobId), { name }),
  createLink: (sessionId: string, jobId: string, file: string) =>
    request<Link>("POST", `${job(sessionId, jobId)}/links`, { file }),
  createTicket: () => request<Ticket>("POST", "/tickets"),
  usage: () => request<Usage>("GET", "/usage"),
  reportError: (body: ClientError) => request<void>("POST", "/client-errors", body),
};

function search(query: Record<string, string | boolean | undefined>): URLSearchParams {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== false);
  return new URLSearchParams(said.map(([name, value]) => [name, String(value)]));
}
