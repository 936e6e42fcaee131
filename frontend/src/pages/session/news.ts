/** What the API answered, and what the socket told beside it. Both fold to the same, and either can be ahead. Pure. */
import { fold, jobState, problem, sessionState } from "../../api/read-model";
import type { Happening, JobView, Row, SessionView } from "../../api/types";

/** The session after what was heard. A state that promises files stays the API's, which alone has their addresses. */
export function withHeard(answer: SessionView, heard: Iterable<Happening>): SessionView {
  let events = answer.events;
  const rows = new Map(answer.jobs.map((job): [string, Row] => [job.job_id, job.events]));
  for (const event of heard) {
    const { job_id: jobId } = event.detail.metadata;
    const row = jobId === undefined ? undefined : rows.get(jobId);
    if (jobId === undefined) events = fold(events, event);
    else if (row) rows.set(jobId, fold(row, event));
  }
  const state = sessionState(events);
  return {
    ...changed(answer, events),
    state: state === "ready" ? answer.state : state,
    jobs: answer.jobs.map((job) => jobAfter(job, rows.get(job.job_id) ?? job.events)),
  };
}

/** Whether something is known to have happened that is not in the API's answer yet. */
export function isBehind(session: SessionView, heard: Iterable<Happening>): boolean {
  const jobs = new Set(session.jobs.map((job) => job.job_id));
  return (
    isDeleted(session.events) ||
    sessionState(session.events) !== session.state ||
    (session.events.image_uploaded !== undefined && session.photo === undefined) ||
    session.jobs.some((job) => jobState(job.events) !== job.state) ||
    [...heard].some(({ detail: { metadata } }) => metadata.job_id !== undefined && !jobs.has(metadata.job_id))
  );
}

/** Whether anything more is to be expected of a session, soon or, after a time-out, late. */
export function expects(session: SessionView): "soon" | "late" | undefined {
  const states = [session.state, ...session.jobs.map((job) => job.state)];
  if (states.some((state) => UNDER_WAY.has(state))) return "soon";
  return states.includes("timed_out") ? "late" : undefined;
}

/** Events of deletion and restoration have ids in their order. */
function isDeleted({ session_deletion_requested: deleted, session_restored: restored }: Row): boolean {
  return deleted !== undefined && !(restored && restored.event_id > deleted.event_id);
}

const UNDER_WAY = new Set<string>([
  "awaiting_photo",
  "preparing",
  "awaiting_mask",
  "queued",
  "reconstructing",
  "meshing",
]);

function jobAfter(job: JobView, events: Row): JobView {
  const state = jobState(events);
  return { ...changed(job, events), state: state === "completed" ? job.state : state };
}

function changed<View extends SessionView | JobView>({ problem: _, ...view }: View, events: Row) {
  const bad = problem(events);
  return { ...view, events, ...(bad && { problem: bad }) };
}
