/** States in words for people. */
import type { JobState, JobView, SessionState, SessionView } from "../api/types";

export type Tone = "busy" | "good" | "bad" | "idle";

export const SESSION_STATES: Record<SessionState, readonly [string, Tone]> = {
  awaiting_photo: ["Awaiting its photo", "idle"],
  preparing: ["Preparing", "busy"],
  ready: ["Ready", "good"],
  failed: ["Failed", "bad"],
  timed_out: ["Delayed", "bad"],
};

export const JOB_STATES: Record<JobState, readonly [string, Tone]> = {
  awaiting_mask: ["Awaiting its mask", "idle"],
  queued: ["Waiting", "busy"],
  reconstructing: ["Reconstructing", "busy"],
  meshing: ["Meshing", "busy"],
  completed: ["Done", "good"],
  failed: ["Failed", "bad"],
  timed_out: ["Delayed", "bad"],
};

export const titleOf = ({ name, filename }: SessionView): string => name ?? filename ?? "Photo";

/** A job's name, or its number; `jobs` are the newest first. */
export function jobTitle(job: JobView, jobs: readonly JobView[]): string {
  return job.name ?? `Model ${jobs.length - jobs.findIndex((it) => it.job_id === job.job_id)}`;
}
