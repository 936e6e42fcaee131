// The read model: events folded into rows, and a row's state. The same rules as events/gen3d_events/read_model.py;
// events/vectors/state.json holds both to them.
import type { Happening, JobState, Problem, Row, SessionState } from "./types";

type Entry = { event_id: string; at: string } & Record<string, unknown>;
type Entries = Record<string, Entry | undefined>;

/** Events that one row can see several of, an attempt each. */
const EACH_ATTEMPT: ReadonlySet<string> = new Set([
  "Embedding Started",
  "Reconstruction Started",
  "Reconstruction Retry Scheduled",
  "Inference Succeeded",
  "Inference Failed",
]);

/** Entries of which the last stays, beside rejections; of all else the first does. */
const LATEST: ReadonlySet<string> = new Set([
  "session_deletion_requested",
  "session_restored",
  "user_notified",
  "notification_failed",
]);

/** Each stage's failure, the gravest first, and its result. */
const RESULT_OF: Readonly<Record<string, string>> = {
  reconstruction_failed: "reconstruction_completed",
  meshing_failed: "mesh_completed",
  embedding_failed: "embedding_completed",
};

/** What else can have gone wrong, and the event after which it no longer matters. */
const MENDED_BY: Readonly<Record<string, string>> = {
  job_timed_out: "mesh_completed",
  embedding_timed_out: "embedding_completed",
  mask_rejected: "reconstruction_requested",
  image_rejected: "image_uploaded",
};

/** The attribute that an event owns; what there is of each attempt is numbered from the second one on. */
export function attribute(event: Happening): string {
  const name = event["detail-type"].toLowerCase().replaceAll(" ", "_");
  const { data } = event.detail;
  const attempt = EACH_ATTEMPT.has(event["detail-type"]) && "attempt" in data ? data.attempt : 1;
  return attempt === 1 ? name : `${name}_${attempt}`;
}

/** The row after `event`. Commutative, associative and idempotent. */
export function fold(row: Row, event: Happening): Row {
  const name = attribute(event);
  const { event_id, occurred_at, causation_id } = event.detail.metadata;
  const cause = causation_id === undefined ? {} : { cause: causation_id };
  const entry: Entry = { event_id, at: occurred_at, ...cause, ...event.detail.data };
  const known = entries(row)[name];
  return { ...row, [name]: known && keeps(name, known, entry) ? known : entry };
}

/** Of rejections the one that was told last stays. All else is in the order of its causes, as ids are. */
function keeps(name: string, known: Entry, other: Entry): boolean {
  if (name.endsWith("_rejected") && known.at !== other.at) return known.at > other.at;
  const latestCounts = name.endsWith("_rejected") || LATEST.has(name);
  return latestCounts ? known.event_id >= other.event_id : known.event_id <= other.event_id;
}

export function sessionState(row: Row): SessionState {
  if (!row.image_uploaded) return "awaiting_photo";
  if (failed(row, "embedding_failed")) return "failed";
  if (row.embedding_completed || row.image_uploaded.intent === "direct") return "ready";
  return row.embedding_timed_out ? "timed_out" : "preparing";
}

export function jobState(row: Row): JobState {
  if (failed(row, "reconstruction_failed") || failed(row, "meshing_failed")) return "failed";
  if (row.mesh_completed) return "completed";
  if (row.job_timed_out) return "timed_out";
  if (row.meshing_started || row.reconstruction_completed) return "meshing";
  if (Object.keys(row).some((name) => name.startsWith("reconstruction_started"))) return "reconstructing";
  return row.reconstruction_requested ? "queued" : "awaiting_mask";
}

/** The rejection or failure that a person should see. */
export function problem(row: Row): Problem | null {
  const seen = entries(row);
  const names = Object.keys(RESULT_OF).filter((name) => failed(row, name));
  for (const [name, mendedBy] of Object.entries(MENDED_BY))
    if (seen[name] && !seen[mendedBy]) names.push(name);
  const gravest = names[0] === undefined ? undefined : (seen[names[0]] as (Problem & Entry) | undefined);
  if (!gravest) return null;
  const { code, error_class, message, hint } = gravest;
  return { code, error_class, message, hint };
}

/** Whether a stage failed before it gave a result: what was said first counts, not what was said last. */
function failed(row: Row, failure: string): boolean {
  const seen = entries(row);
  const bad = seen[failure];
  const good = seen[RESULT_OF[failure] ?? ""];
  return bad !== undefined && (good === undefined || before(bad, good));
}

function before(one: Entry, other: Entry): boolean {
  const [a, b] = [Date.parse(one.at), Date.parse(other.at)];
  return a === b ? one.event_id < other.event_id : a < b;
}

/** The row by attribute name, for rules that hold for all events alike. */
function entries(row: Row): Entries {
  return row as Entries;
}
