// What a job's progress display says: the steps from the mask to the model, in words. Pure.
import type { Folded, ReconstructionRetryScheduled } from "../../../events/events";
import type { JobView, Quality, Row } from "../api/types";
import { jobState, problem } from "../api/read-model";

export type StepName = "mask" | "queue" | "reconstruction" | "mesh";
export type StepState = "waiting" | "running" | "done" | "failed";

export interface Step {
  name: StepName;
  title: string;
  state: StepState;
  /** What is happening, or what came of it. */
  words: string;
  /** Since it began, or until it ended; absent before. */
  seconds?: number;
  /** How long it usually takes, where it is known. */
  expected?: number;
}

export interface Progress {
  steps: Step[];
  /** One sentence for the live region: what is happening now. */
  sentence: string;
  /** Since the job was started. */
  seconds: number;
  /** 0 to 1, never beyond 0.98 before the end. */
  fraction: number;
  /** Seconds that are probably left; absent where nobody can know. */
  left?: number;
}

/** Longer than this without an answer, and a GPU is probably being started; a warm one may also take so long. */
const COLD_AFTER_SECONDS = 45;

/** A mask that has not come after so long was lost with the page that sent it. */
const LOST_AFTER_SECONDS = 90;

/** Seconds by quality with a GPU that is running, a first guess: said as what is usual, never as what is left. */
const GUESS: Record<Quality, { reconstruction: number; mesh: number }> = {
  fast: { reconstruction: 10, mesh: 6 },
  balanced: { reconstruction: 20, mesh: 15 },
  high: { reconstruction: 40, mesh: 40 },
};
const CHECK_SECONDS = 2;
const TITLES: Record<StepName, string> = {
  mask: "Mask",
  queue: "Queue",
  reconstruction: "Reconstruction",
  mesh: "Mesh",
};

export interface Expected {
  reconstruction: number;
  mesh: number;
  /** Whether it was seen, and not guessed. */
  known: boolean;
}

/** Whether a job waits for a mask that nobody sends: it was lost, or another is needed. */
export function waitsInVain({ created_at, events }: JobView, now: number): boolean {
  if (jobState(events) !== "awaiting_mask") return false;
  return problem(events) !== null || (elapsed(created_at, undefined, now) ?? 0) > LOST_AFTER_SECONDS;
}

/** How long the steps should take: the median of finished jobs of the same quality, else a guess. */
export function expectedSeconds(quality: Quality, jobs: JobView[]): Expected {
  const alike = jobs.filter((job) => job.state === "completed" && job.options.quality === quality);
  const reconstruction = median(
    alike.map(({ events }) => between(firstStart(events), events.reconstruction_completed?.at)),
  );
  const mesh = median(
    alike.map(({ events }) => between(events.reconstruction_completed?.at, events.mesh_completed?.at)),
  );
  if (reconstruction === undefined || mesh === undefined) return { ...GUESS[quality], known: false };
  return { reconstruction, mesh, known: true };
}

/** now: ms since 1970, by the service's clock as far as the page knows it. */
export function progress(job: JobView, expected: Expected, now: number): Progress {
  const row = job.events;
  const state = jobState(row);
  const bad = state === "failed" || state === "timed_out" || waitsInVain(job, now);
  const requested = row.reconstruction_requested?.at;
  const started = firstStart(row);
  const reconstructed = row.reconstruction_completed?.at;
  const ends = [requested, started ?? reconstructed, reconstructed, row.mesh_completed?.at];
  const begins = [job.created_at, requested, started ?? requested, reconstructed];
  const names: StepName[] = ["mask", "queue", "reconstruction", "mesh"];
  const running = state === "completed" ? names.length : ends.findIndex((at) => at === undefined);
  const steps = names.map((name, i): Step => {
    const stepState: StepState = i < running ? "done" : i > running ? "waiting" : bad ? "failed" : "running";
    const end = stepState === "done" ? ends[i] : stepState === "failed" ? failedAt(row) : undefined;
    // Nobody knows when a mask was lost.
    const timed = stepState === "running" || end !== undefined;
    const seconds = timed ? elapsed(begins[i], end, now) : undefined;
    const usual = name === "mask" ? CHECK_SECONDS : name === "queue" ? undefined : expected[name];
    return {
      name,
      title: TITLES[name],
      state: stepState,
      words: words(name, stepState, row, seconds ?? 0),
      ...(seconds === undefined ? {} : { seconds }),
      ...(usual === undefined ? {} : { expected: usual }),
    };
  });
  const seconds =
    elapsed(job.created_at, row.mesh_completed?.at ?? (bad ? failedAt(row) : undefined), now) ?? 0;
  const left = expected.known ? remaining(steps, expected) : undefined;
  return {
    steps,
    sentence: sentence(state, steps, row),
    seconds,
    fraction: state === "completed" ? 1 : fractionOf(steps, expected),
    ...(left === undefined ? {} : { left }),
  };
}

function words(name: StepName, state: StepState, row: Row, seconds: number): string {
  if (state === "failed") return problem(row)?.message ?? "";
  if (state === "done") return result(name, row);
  if (state === "waiting") return "";
  switch (name) {
    case "mask":
      return "The mask is being sent and checked.";
    case "queue":
      return "Waiting for its turn.";
    case "reconstruction": {
      const retry = lastRetry(row);
      if (retry && !row[`reconstruction_started_${retry.attempt}`])
        return `${retry.message} It is tried again in a minute (attempt ${retry.attempt}).`;
      if (retry) return `The object is being reconstructed, attempt ${retry.attempt}.`;
      if (seconds > COLD_AFTER_SECONDS)
        return "Still at it. When nobody has used it for a while, a GPU has to be started first; that takes several minutes.";
      return "The object is being reconstructed.";
    }
    case "mesh":
      return row.meshing_started
        ? "The Gaussians become a mesh with its texture."
        : "The mesh is about to be made.";
  }
}

function result(name: StepName, row: Row): string {
  const { reconstruction_requested: asked, reconstruction_completed: made, mesh_completed: mesh } = row;
  if (name === "mask" && asked) return `${percent(asked.mask.coverage)} of the photo.`;
  if (name === "reconstruction" && made) return `${made.gaussians.toLocaleString("en")} Gaussians.`;
  if (name === "mesh" && mesh) return `${mesh.triangles.toLocaleString("en")} triangles.`;
  return "";
}

function sentence(state: string, steps: Step[], row: Row): string {
  if (state === "completed") return "The model is ready.";
  const now = steps.find((step) => step.state === "running" || step.state === "failed");
  const bad = problem(row);
  return now?.state === "failed" && bad ? `${bad.message} ${bad.hint}` : (now?.words ?? "");
}

/** What share of the usual time is behind, a step at a time, so that a slow step never pushes it past the next. */
function fractionOf(steps: Step[], expected: Expected): number {
  const total = CHECK_SECONDS + expected.reconstruction + expected.mesh;
  const behind = steps.reduce((sum, { state, seconds = 0, expected: usual = 0 }) => {
    if (state === "done") return sum + usual;
    return state === "running" ? sum + usual * eased(seconds / Math.max(usual, 1)) : sum;
  }, 0);
  return Math.min(0.98, behind / total);
}

/** Nearly linear first, then ever slower: 0.9 at twice the usual time. */
function eased(ratio: number): number {
  return 1 - Math.exp(-1.15 * ratio);
}

function remaining(steps: Step[], expected: Expected): number | undefined {
  const now = steps.find((step) => step.state === "running");
  if (!now || now.expected === undefined || (now.seconds ?? 0) > now.expected) return undefined;
  const after = now.name === "mask" ? expected.reconstruction + expected.mesh : 0;
  const mesh = now.name === "reconstruction" ? expected.mesh : 0;
  return now.expected - (now.seconds ?? 0) + after + mesh;
}

function failedAt(row: Row): string | undefined {
  return (row.reconstruction_failed ?? row.meshing_failed ?? row.job_timed_out ?? row.mask_rejected)?.at;
}

function lastRetry(row: Row): Folded<ReconstructionRetryScheduled> | undefined {
  return row.reconstruction_retry_scheduled_3 ?? row.reconstruction_retry_scheduled_2;
}

function firstStart(row: Row): string | undefined {
  return (row.reconstruction_started ?? row.reconstruction_started_2 ?? row.reconstruction_started_3)?.at;
}

function elapsed(from: string | undefined, to: string | undefined, now: number): number | undefined {
  if (from === undefined) return undefined;
  return Math.max(0, ((to === undefined ? now : Date.parse(to)) - Date.parse(from)) / 1000);
}

function between(from: string | undefined, to: string | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : elapsed(from, to, 0);
}

function median(values: (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function percent(part: number): string {
  return `${(100 * part).toLocaleString("en", { maximumFractionDigits: part < 0.1 ? 1 : 0 })} %`;
}

/** "8 s", "2 min 5 s", "1 h 3 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
