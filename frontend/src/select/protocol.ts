/** What page and worker say to each other. */
import type { EmbeddingView } from "../api/types";
import type { Failure } from "./failure";
import type { Device } from "./runtime";
import type { Candidate, CutOut, Outline, Wanted } from "./segmenter";

export type Request =
  | { do: "load"; embedding: EmbeddingView; device: Device }
  | { do: "compare"; embedding: EmbeddingView }
  | { do: "outline"; wanted: Wanted }
  | { do: "glance"; wanted: Wanted }
  | { do: "candidates"; wanted: Wanted }
  | { do: "mask"; wanted: Wanted }
  | { do: "expect"; wanted: Wanted };

export interface Answers {
  /** What it decodes on. */
  load: Device;
  /** What is faster. */
  compare: Device;
  outline: Outline;
  glance: Outline;
  candidates: Candidate[];
  mask: CutOut;
  expect: void;
}

export type ToWorker = { id: number } & Request;

export type FromWorker =
  /** Of what is fetched before the first click, 0 to 1. */
  { loaded: number } | { id: number; answer: Answers[keyof Answers] } | { id: number; failure: Failure };
