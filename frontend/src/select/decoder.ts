/** The page's end of the worker. */
import type { EmbeddingView } from "../api/types";
import { DecoderFailure, failureOf } from "./failure";
import { Latest } from "./latest";
import type { Answers, FromWorker, Request } from "./protocol";
import type { Device } from "./runtime";
import type { Candidate, CutOut, Outline, Wanted } from "./segmenter";

const HOVER = -1;

interface Asked {
  resolve: (answer: never) => void;
  reject: (error: DecoderFailure) => void;
}

export class MaskDecoder {
  private readonly worker = new Worker(new URL("./decoder.worker.ts", import.meta.url), { type: "module" });
  private readonly asked = new Map<number, Asked>();
  private readonly latest = new Latest<number>(HOVER);
  private outlined: { wanted: string; outline: Promise<Outline> } | undefined;
  private asks = 0;

  constructor(onLoaded: (share: number) => void) {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if ("loaded" in data) return onLoaded(data.loaded);
      const waiting = this.asked.get(data.id);
      this.asked.delete(data.id);
      if ("failure" in data) waiting?.reject(new DecoderFailure(data.failure));
      else waiting?.resolve(data.answer as never);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(new Error(event.message || "The worker could not be started."));
    };
  }

  /** Says what it decodes on: not on a graphics card that fails. */
  load(embedding: EmbeddingView, device: Device): Promise<Device> {
    return this.ask({ do: "load", embedding, device });
  }

  /** Whether processor or graphics card decodes this photo faster. */
  compare(embedding: EmbeddingView): Promise<Device> {
    return this.ask({ do: "compare", embedding });
  }

  /** Undefined where a newer question about the same object made this one needless. */
  outline(object: number, wanted: Wanted): Promise<Outline | undefined> {
    this.latest.drop(HOVER);
    return this.latest.run(object, () => this.outlineOf(wanted));
  }

  glance(wanted: Wanted): Promise<Outline | undefined> {
    return this.latest.run(HOVER, () => this.ask({ do: "glance", wanted }));
  }

  /** The outline of a click that may come: if it does, it has this one. */
  foresee(wanted: Wanted): Promise<Outline | undefined> {
    return this.latest.run(HOVER, () => this.outlineOf(wanted));
  }

  candidates(wanted: Wanted): Promise<Candidate[]> {
    return this.ask({ do: "candidates", wanted });
  }

  mask(wanted: Wanted): Promise<CutOut> {
    return this.ask({ do: "mask", wanted });
  }

  /** That the next click refines this: what can be computed for it without knowing where it is, is computed. */
  expect(wanted: Wanted): Promise<void> {
    return this.ask({ do: "expect", wanted });
  }

  /** What was asked and is not answered yet is refused. */
  close(): void {
    this.worker.terminate();
    this.fail(new Error("It was closed."));
  }

  private outlineOf(wanted: Wanted): Promise<Outline> {
    const key = JSON.stringify(wanted);
    if (this.outlined?.wanted !== key)
      this.outlined = { wanted: key, outline: this.ask({ do: "outline", wanted }) };
    return this.outlined.outline;
  }

  private ask<R extends Request>(request: R): Promise<Answers[R["do"]]> {
    const id = ++this.asks;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...request });
    });
  }

  private fail(error: Error): void {
    for (const { reject } of this.asked.values()) reject(new DecoderFailure(failureOf(error)));
    this.asked.clear();
  }
}
