/** The API's bodies, as docs/openapi.json describes them. The API leaves out what would be null. */
import type {
  Engine,
  Gen3dEvent,
  JobOptions,
  JobState,
  Problem,
  Row,
  SessionState,
} from "../../../events/events";

export type {
  EmbeddingManifest,
  Engine,
  ErrorCode,
  Gen3dEvent,
  JobOptions,
  JobState,
  Problem,
  Quality,
  Row,
  SessionState,
} from "../../../events/events";

export interface Config {
  region: string;
  user_pool_id: string;
  client_id: string;
  /** Only on a laptop. */
  cognito_endpoint?: string;
}

/** A presigned POST: `fields`, then the file as field `file`, as multipart/form-data to `url`. */
export interface Form {
  url: string;
  fields: Record<string, string>;
}

export interface FileView {
  url: string;
  bytes: number;
}

/** Size in px, upright. */
export interface PhotoView {
  width: number;
  height: number;
  format: "jpeg" | "png" | "webp";
  bytes: number;
  url: string;
  thumbnail_url: string;
}

export interface DecoderView {
  role: "prepare" | "mask" | "decode";
  url: string;
  sha256: string;
  bytes: number;
}

/** `url` is the safetensors file, `manifest_url` says how to use it. */
export interface EmbeddingView {
  url: string;
  bytes: number;
  manifest_url: string;
  decoder: DecoderView[];
  engine: Engine;
}

export interface StageView {
  started_at?: string;
  completed_at?: string;
  failed_at?: string;
  /** Computing time without waiting, where it was measured. */
  seconds?: number;
}

export interface JobView {
  job_id: string;
  session_id: string;
  state: JobState;
  created_at: string;
  name?: string;
  options: JobOptions;
  problem?: Problem;
  /** The reconstructor. */
  engine?: Engine;
  weight_free?: boolean;
  /** In the answer for one job that awaits its mask. */
  upload?: Form;
  /** By name: "mask.png", "splat.ply", "mesh.glb", ... Empty in lists. */
  files: Record<string, FileView>;
  stages: Record<string, StageView>;
  events: Row;
}

export interface SessionView {
  session_id: string;
  state: SessionState;
  created_at: string;
  /** Of a deleted session: until then it can be restored. */
  purge_at?: string;
  name?: string;
  filename?: string;
  problem?: Problem;
  photo?: PhotoView;
  /** In the answer for one session that awaits its photo. */
  upload?: Form;
  /** Only in the answer for one session. */
  embedding?: EmbeddingView;
  /** Newest first. */
  jobs: JobView[];
  stages: Record<string, StageView>;
  events: Row;
}

export interface SessionList {
  sessions: SessionView[];
  /** For the next page; absent on the last one. */
  cursor?: string;
}

export interface NewSession {
  filename?: string;
  name?: string;
  content_type?: string;
}

export interface CreatedSession {
  session_id: string;
  state: SessionState;
  upload: Form;
}

export interface NewJob {
  options?: Partial<JobOptions>;
  name?: string;
  /** Clicks that made the mask, and those after it was first shown. */
  clicks?: number;
  refinements?: number;
  /** Another job of the session, whose mask is used: then there is nothing to upload. */
  mask_of?: string;
}

export interface CreatedJob {
  job_id: string;
  session_id: string;
  state: JobState;
  /** Absent where the mask is another job's. */
  upload?: Form;
}

/** A file for whoever has the link. `path` is behind the API's address. */
export interface Link {
  path: string;
  expires_at: string;
}

export interface Deletion {
  session_id: string;
  purge_at: string;
}

export interface Usage {
  month?: string;
  sessions: number;
  jobs: number;
  gpu_seconds: number;
  bytes_stored: number;
  estimated_cost_usd: number;
}

/** Opens one socket, within a minute. */
export interface Ticket {
  ticket: string;
  expires_at: string;
}

/** An event as the socket tells it. */
export type Happening = Pick<Gen3dEvent, "detail-type" | "detail">;

export interface ClientError {
  message: string;
  stack?: string;
  page?: string;
  release?: string;
  session_id?: string;
  job_id?: string;
}
