/** The page's end of the worker. */
import type { EmbeddingView } from "../api/types";
import { DecoderFailure, failureOf } from "./failure";
import { Latest } from "./latest";
import type { Answers, FromWorker, Request } from "./protocol";
import type { Device } from "./runtime";
import type { Candidate, CutOut, Outline, Wanted } from "./segmenter";

const HOVER = -1;

/** An outline, and what it was made of, as JSON. */
export interface Known {
  wanted: string;
  outline: Outline;
}

/** Shows an outline; says whether a finer one is to follow. */
export type Show = (outline: Outline) => boolean;

interface Asked {
  resolve: (answer: never) => void;
  reject: (error: DecoderFailure) => void;
}

export class MaskDecoder {
  private readonly worker = new Worker(new URL("./decoder.worker.ts", import.meta.url), { type: "module" });
  private readonly asked = new Map<number, Asked>();
  private readonly latest = new Latest<number>(HOVER);
  private last: Known | undefined;
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

  /**
   * Shows what the marks of an object make of it: a glance, unless one is shown already, then the fine outline. Stops
   * where a newer question about the same object makes the rest needless.
   */
  async outline(object: number, wanted: Wanted, show: Show, glanced: boolean): Promise<void> {
    this.latest.drop(HOVER);
    await this.latest.run(object, () => this.look(wanted, show, glanced));
  }

  /** The same of a click that may come: if it does, it has what was made of it. */
  async foresee(wanted: Wanted, show: Show, glanced = false): Promise<void> {
    await this.latest.run(HOVER, () => this.look(wanted, show, glanced));
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

  private async look(wanted: Wanted, show: Show, glanced: boolean): Promise<void> {
    if (glanced || show(await this.made("glance", wanted))) show(await this.made("outline", wanted));
  }

  /** What was made last is not made again; a fine outline is a glance, too. */
  private async made(what: "glance" | "outline", wanted: Wanted): Promise<Outline> {
    const key = JSON.stringify(wanted);
    const known = this.last?.wanted === key ? this.last.outline : undefined;
    if (known && (what === "glance" || !known.coarse)) return known;
    const outline = await this.ask({ do: what, wanted });
    this.last = { wanted: key, outline };
    return outline;
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
