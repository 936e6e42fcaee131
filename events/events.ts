// Generated from the models by `python -m gen3d_events.generate`; do not edit.
// The bus's events, the read model's rows and the embedding's manifest. A field that would be null is absent,
// but for those whose type has null.

/** An ONNX file in the model bucket, named by its content. */
export interface DecoderGraph {
  role: "prepare" | "mask" | "decode";
  key: string;
  sha256: string;
  bytes: number;
}

/** The photo can be clicked: embedding and manifest are stored. */
export interface EmbeddingCompleted {
  /** S3 key in the data bucket. */
  manifest_key: string;
  /** S3 key in the data bucket. */
  embedding_key: string;
  bytes: number;
  engine: Engine;
  /** Computing time on the endpoint. */
  seconds: number;
  /** When the photo was accepted. */
  requested_at?: string;
}

/** The photo could not be embedded. Final. */
export interface EmbeddingFailed {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
}

/** How to turn clicks into masks for one photo. A click at photo pixel (x, y) goes into the decoder as (x / photo_width * input_width, y / photo_height * input_height). Mask logits are mask_height x mask_width over the same frame; the object is where a logit exceeds `mask_threshold`. */
export interface EmbeddingManifest {
  schema_version: "1.0";
  engine: Engine;
  photo_width: number;
  photo_height: number;
  input_width: number;
  input_height: number;
  /** How the photo became the encoder's input, in words. */
  preprocessing: string;
  mask_width: number;
  mask_height: number;
  mask_threshold: number;
  embedding_sha256: string;
  tensors: TensorSpec[];
  decoder: DecoderGraph[];
}

/** The endpoint accepted the embedding request. */
export interface EmbeddingStarted {
  inference_id: string;
  attempt: number;
  /** After this moment the watchdog calls the stage overdue. */
  due_at: string;
}

/** No answer came from the endpoint in time; a late result still wins. */
export interface EmbeddingTimedOut {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
}

/** What computed a result. `weight_free` engines use no trained model, and are labelled so everywhere. */
export interface Engine {
  name: string;
  version: string;
  weight_free: boolean;
}

/** A photo failed a check; the session waits for another one. */
export interface ImageRejected {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
}

/** A photo passed every check and lies at its final key. */
export interface ImageUploaded {
  photo: Photo;
  intent: Intent;
}

/** The endpoint failed a request, or let it expire. */
export interface InferenceFailed {
  inference_id: string;
  attempt: number;
  task: "embed" | "reconstruct" | "segment";
  /** S3 key in the data bucket. */
  input_key: string;
  failure_key?: string;
  /** SageMaker's invocationStatus: "Failed", "Expired" or another. */
  status: string;
  reason: string;
}

/** The endpoint answered a request with a manifest in S3. */
export interface InferenceSucceeded {
  inference_id: string;
  attempt: number;
  task: "embed" | "reconstruct" | "segment";
  /** S3 key in the data bucket. */
  input_key: string;
  /** S3 key in the data bucket. */
  output_key: string;
}

/** `select`: a person will click, so embed the photo. `direct`: the object is already cut out. */
export type Intent = "select" | "direct";

/** What a person can choose of a job. Same options and seed, same result. */
export interface JobOptions {
  quality: Quality;
  /** Each gives files: glb mesh.glb and mesh.draco.glb, obj mesh-obj.zip, ply mesh.ply, stl mesh.stl, usdz mesh.usdz, splat splat-clean.ply and splat.spz. preview.png, turntable.webp and stats.json are always made. */
  formats: ("glb" | "obj" | "ply" | "stl" | "usdz" | "splat")[];
  /** Side of the baked texture in px; null: colours at the vertices only. */
  texture: 512 | 1024 | 2048 | null;
  seed: number;
}

/** No result came in time; a late result still wins. */
export interface JobTimedOut {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
}

/** The checked mask: a PNG of the upright photo's size with 0 and 255 only. */
export interface Mask {
  /** S3 key in the data bucket. */
  key: string;
  version_id: string;
  width: number;
  height: number;
  /** Pixels inside the object. */
  pixels: number;
  /** pixels / (width * height). */
  coverage: number;
  /** Pieces under 0.1 % of the mask that were removed. */
  specks_dropped: number;
}

/** A mask failed a check; the job waits for another one. */
export interface MaskRejected {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
}

/** The job is done: mesh, preview and statistics are stored. */
export interface MeshCompleted {
  /** S3 key in the data bucket. */
  splat_key: string;
  /** By name: those of the job's formats, such as "mesh.glb", and "preview.png", "turntable.webp", "stats.json". */
  files: Record<string, MeshFile>;
  vertices: number;
  triangles: number;
  watertight: boolean;
  quality: Quality;
  /** The reconstructor whose splats were meshed. */
  engine: Engine;
  seconds: number;
}

export interface MeshFile {
  /** S3 key in the data bucket. */
  key: string;
  bytes: number;
}

/** The splats gave no mesh. Final. */
export interface MeshingFailed {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
}

/** The splats are being turned into a mesh. */
export interface MeshingStarted {
}

/** Who and what an event is about, and what caused it. */
export interface Metadata {
  event_id: string;
  schema_version: string;
  occurred_at: string;
  session_id: string;
  job_id?: string;
  user_id: string;
  /** The session: every event of one story shares it. */
  correlation_id: string;
  /** The event (or foreign message) that caused this one. */
  causation_id?: string;
  /** Name of the EventBridge replay that re-sent this event. */
  replay?: string;
}

/** A person or system could not be told of another event. */
export interface NotificationFailed {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
  channel: "email" | "webhook" | "push";
  notified_of: string;
}

/** The checked photo. Width and height are in px after EXIF orientation is applied. */
export interface Photo {
  /** S3 key in the data bucket. */
  key: string;
  version_id: string;
  width: number;
  height: number;
  format: "jpeg" | "png" | "webp";
  bytes: number;
  /** S3 key in the data bucket. */
  thumbnail_key: string;
}

export type Quality = "fast" | "balanced" | "high";

/** Gaussian splats are stored. */
export interface ReconstructionCompleted {
  /** S3 key in the data bucket. */
  splat_key: string;
  bytes: number;
  gaussians: number;
  mask: Mask;
  options: JobOptions;
  engine: Engine;
  /** Computing time on the endpoint. */
  seconds: number;
  attempt: number;
  /** When the job was requested: before its first attempt. */
  requested_at?: string;
}

/** The reconstruction failed. Final. */
export interface ReconstructionFailed {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
  /** Of the job, where it is known. */
  quality?: Quality;
  /** Name of the engine that the stack is set up with. */
  reconstructor?: string;
}

/** A mask passed every check: the job can be computed. */
export interface ReconstructionRequested {
  photo: Photo;
  mask: Mask;
  options: JobOptions;
}

/** A transient failure; the request is repeated after a delay, `attempt` being the next one's number. */
export interface ReconstructionRetryScheduled {
  code: string;
  error_class: "user" | "transient" | "system";
  /** One sentence for a person. */
  message: string;
  /** What the person can do. */
  hint: string;
  /** Technical detail for operators. */
  detail_text?: string;
  attempt: number;
  photo: Photo;
  mask: Mask;
  options: JobOptions;
  /** When the job was requested: before its first attempt. */
  requested_at?: string;
}

/** The endpoint accepted the reconstruction request. */
export interface ReconstructionStarted {
  inference_id: string;
  attempt: number;
  /** After this moment the watchdog calls the stage overdue. */
  due_at: string;
}

/** The session is hidden, and is purged when the grace has passed. */
export interface SessionDeletionRequested {
  purge_at: string;
}

/** Every object version and row of the session is gone. */
export interface SessionPurged {
  object_versions: number;
}

/** A deletion was taken back. */
export interface SessionRestored {
}

/** One tensor of `embedding.safetensors`, fed to the decoder by this name. */
export interface TensorSpec {
  name: string;
  shape: number[];
  dtype: "float16" | "float32" | "int32" | "int64" | "uint8";
}

/** A person or system was told of another event. */
export interface UserNotified {
  channel: "email" | "webhook" | "push";
  /** detail-type of the event that the person was told of. */
  notified_of: string;
}

/** An event on the bus, as EventBridge delivers it. */
export interface Envelope<Source extends string, DetailType extends string, Data> {
  id: string;
  time: string;
  source: Source;
  "detail-type": DetailType;
  detail: { metadata: Metadata; data: Data };
}

export type Gen3dEvent =
  | Envelope<"gen3d.upload", "Image Uploaded", ImageUploaded>
  | Envelope<"gen3d.upload", "Image Rejected", ImageRejected>
  | Envelope<"gen3d.embedding", "Embedding Started", EmbeddingStarted>
  | Envelope<"gen3d.embedding", "Embedding Completed", EmbeddingCompleted>
  | Envelope<"gen3d.embedding", "Embedding Failed", EmbeddingFailed>
  | Envelope<"gen3d.upload", "Embedding Timed Out", EmbeddingTimedOut>
  | Envelope<"gen3d.upload", "Reconstruction Requested", ReconstructionRequested>
  | Envelope<"gen3d.upload", "Mask Rejected", MaskRejected>
  | Envelope<"gen3d.reconstruction", "Reconstruction Started", ReconstructionStarted>
  | Envelope<"gen3d.reconstruction", "Reconstruction Completed", ReconstructionCompleted>
  | Envelope<"gen3d.reconstruction", "Reconstruction Failed", ReconstructionFailed>
  | Envelope<"gen3d.reconstruction", "Reconstruction Retry Scheduled", ReconstructionRetryScheduled>
  | Envelope<"gen3d.upload", "Job Timed Out", JobTimedOut>
  | Envelope<"gen3d.inference", "Inference Succeeded", InferenceSucceeded>
  | Envelope<"gen3d.inference", "Inference Failed", InferenceFailed>
  | Envelope<"gen3d.meshing", "Meshing Started", MeshingStarted>
  | Envelope<"gen3d.meshing", "Mesh Completed", MeshCompleted>
  | Envelope<"gen3d.meshing", "Meshing Failed", MeshingFailed>
  | Envelope<"gen3d.notification", "User Notified", UserNotified>
  | Envelope<"gen3d.notification", "Notification Failed", NotificationFailed>
  | Envelope<"gen3d.upload", "Session Deletion Requested", SessionDeletionRequested>
  | Envelope<"gen3d.upload", "Session Restored", SessionRestored>
  | Envelope<"gen3d.upload", "Session Purged", SessionPurged>;

export type SessionState = "awaiting_photo" | "preparing" | "ready" | "failed" | "timed_out";

export type JobState = "awaiting_mask" | "queued" | "reconstructing" | "meshing" | "completed" | "failed" | "timed_out";

export type ErrorCode =
  | "image_unsupported"
  | "image_corrupt"
  | "image_animated"
  | "image_too_small"
  | "image_too_large"
  | "image_too_heavy"
  | "mask_unsupported"
  | "mask_corrupt"
  | "mask_too_heavy"
  | "mask_size_mismatch"
  | "mask_too_small"
  | "mask_too_large"
  | "alpha_missing"
  | "point_outside_photo"
  | "point_outside_boxes"
  | "no_positive_point"
  | "box_empty"
  | "selection_empty"
  | "not_clickable"
  | "embedding_corrupt"
  | "decoder_mismatch"
  | "request_invalid"
  | "request_too_large"
  | "unauthorized"
  | "session_not_found"
  | "job_not_found"
  | "photo_missing"
  | "mask_source_invalid"
  | "link_invalid"
  | "link_expired"
  | "ticket_invalid"
  | "origin_not_allowed"
  | "too_many_requests"
  | "not_found"
  | "endpoint_unavailable"
  | "inference_out_of_memory"
  | "inference_storage_failed"
  | "inference_input_missing"
  | "inference_timed_out"
  | "inference_unavailable"
  | "inference_expired"
  | "inference_failed"
  | "inference_request_invalid"
  | "model_unavailable"
  | "splat_invalid"
  | "splat_missing"
  | "surface_missing"
  | "meshing_failed"
  | "embedding_timed_out"
  | "job_timed_out"
  | "notification_failed"
  | "internal_error";

/** What a person is told of a rejection or failure. */
export interface Problem {
  code: ErrorCode;
  error_class: "user" | "transient" | "system";
  message: string;
  hint: string;
}

/** What the read model keeps of an event. */
export type Folded<Data> = Data & { event_id: string; at: string; cause?: string };

/** A row of the read model: an attribute for each event seen, with the attempt from the second one on. */
export interface Row {
  image_uploaded?: Folded<ImageUploaded>;
  image_rejected?: Folded<ImageRejected>;
  [attempt: `embedding_started_${number}`]: Folded<EmbeddingStarted> | undefined;
  embedding_started?: Folded<EmbeddingStarted>;
  embedding_completed?: Folded<EmbeddingCompleted>;
  embedding_failed?: Folded<EmbeddingFailed>;
  embedding_timed_out?: Folded<EmbeddingTimedOut>;
  reconstruction_requested?: Folded<ReconstructionRequested>;
  mask_rejected?: Folded<MaskRejected>;
  [attempt: `reconstruction_started_${number}`]: Folded<ReconstructionStarted> | undefined;
  reconstruction_started?: Folded<ReconstructionStarted>;
  reconstruction_completed?: Folded<ReconstructionCompleted>;
  reconstruction_failed?: Folded<ReconstructionFailed>;
  [attempt: `reconstruction_retry_scheduled_${number}`]: Folded<ReconstructionRetryScheduled> | undefined;
  reconstruction_retry_scheduled?: Folded<ReconstructionRetryScheduled>;
  job_timed_out?: Folded<JobTimedOut>;
  [attempt: `inference_succeeded_${number}`]: Folded<InferenceSucceeded> | undefined;
  inference_succeeded?: Folded<InferenceSucceeded>;
  [attempt: `inference_failed_${number}`]: Folded<InferenceFailed> | undefined;
  inference_failed?: Folded<InferenceFailed>;
  meshing_started?: Folded<MeshingStarted>;
  mesh_completed?: Folded<MeshCompleted>;
  meshing_failed?: Folded<MeshingFailed>;
  user_notified?: Folded<UserNotified>;
  notification_failed?: Folded<NotificationFailed>;
  session_deletion_requested?: Folded<SessionDeletionRequested>;
  session_restored?: Folded<SessionRestored>;
  session_purged?: Folded<SessionPurged>;
}
