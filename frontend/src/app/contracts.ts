/** What the parts of a session's page hand to each other. */
import type { JobView, SessionView } from "../api/types";

/** An object that was cut out of the photo. */
export interface SelectedObject {
  id: string;
  name: string;
  colour: string;
  /** 1 inside and 0 outside, row by row, of the upright photo's size. */
  mask: Uint8Array<ArrayBuffer>;
  /** The same, as it is sent. */
  png: Blob;
  width: number;
  height: number;
  /** Clicks that made the mask, and those of them after it was first shown. */
  clicks: number;
  refinements: number;
}

/** Step 3: src/select/Select.tsx. */
export interface SelectProps {
  session: SessionView;
  onMake: (objects: SelectedObject[]) => void;
}

/** Step 4, before the jobs are started: src/make/Make.tsx. Ends with the jobs that the API has started. */
export interface MakeProps {
  session: SessionView;
  objects: SelectedObject[];
  /** Another try with this job's mask and other options (`mask_of`): then there are no objects. */
  retryOf?: JobView;
  /** left: the person has gone from here while they were being started. */
  onStarted: (jobIds: string[], left: boolean) => void;
  onBack: () => void;
}

/** Step 4, while a job is under way: src/make/Progress.tsx. The session's page brings the news. */
export interface ProgressProps {
  session: SessionView;
  job: JobView;
  /** Another job with this one's mask, perhaps with other options. */
  onRetry: (job: JobView) => void;
  /** Back to the photo, to mark the object anew. */
  onBack: () => void;
}

/** Step 5: src/see/See.tsx. `job.files` are there. */
export interface SeeProps {
  session: SessionView;
  job: JobView;
  /** Another job with other options and the same mask. */
  onRetry: (job: JobView) => void;
}
