/** The decoder of one photo: ONNX graphs by role, fed with the embedding's tensors and a person's prompts. */
import * as wasm from "onnxruntime-web/wasm";
import type { InferenceSession } from "onnxruntime-web/wasm";

import type { EmbeddingManifest } from "../api/types";
import { mismatch } from "./failure";
import type { Role } from "./manifest";
import type { Plane } from "./masks";
import type { Prompts } from "./objects";
import type { NamedTensor } from "./safetensors";

/** Candidate 0 is the one to take; 1 to 3 go from a part to the whole. */
export const CANDIDATES = 4;
const MASKED = /^masked_/;
const COARSE = /^coarse_/;
/** What ONNX Runtime says of a tensor that a graph cannot take. */
const UNFIT = /dimension|shape|data type/i;
const LOW_CORNER = 2;
const HIGH_CORNER = 3;

export interface Decoded {
  candidates: Plane[];
  scores: number[];
}

/** What computes, and how it is to compute a graph. */
export interface Runtime {
  ort: Pick<typeof wasm, "InferenceSession" | "Tensor">;
  options: (role: Role) => InferenceSession.SessionOptions;
}

type Tensors = Record<string, wasm.Tensor>;

export class Decoder {
  private changed: { earlier: Float32Array; tensors: Tensors } | undefined;
  /** What is being computed: one click at a time, for a graph runs once at a time, and `changed` is in use. */
  private busy: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly manifest: EmbeddingManifest,
    private readonly graphs: ReadonlyMap<Role, InferenceSession>,
    private readonly tensors: Tensors,
    private readonly runtime: Runtime,
  ) {}

  /** What depends on the photo alone is computed here, once. */
  static async load(
    manifest: EmbeddingManifest,
    embedding: readonly NamedTensor[],
    files: ReadonlyMap<Role, ArrayBuffer>,
    runtime: Runtime = { ort: wasm, options: () => ({}) },
  ): Promise<Decoder> {
    const { ort, options } = runtime;
    const graphs = new Map<Role, InferenceSession>();
    for (const [role, file] of files) {
      const graph = await ort.InferenceSession.create(new Uint8Array(file), options(role)).catch(
        (error: unknown) => {
          throw mismatch(`The graph ${role} cannot be loaded: ${String(error)}`);
        },
      );
      graphs.set(role, graph);
    }
    const tensors = Object.fromEntries(
      embedding.map(({ name, dtype, data, shape }) => {
        return [name, new ort.Tensor(dtype, data as Uint8Array, shape)];
      }),
    );
    const prepare = graphs.get("prepare");
    const prepared = prepare ? { ...tensors, ...(await run(prepare, tensors)) } : tensors;
    return new Decoder(manifest, graphs, prepared, runtime);
  }

  /** Whether an earlier mask counts. */
  get refines(): boolean {
    return this.graphs.has("mask");
  }

  /** Whether there is a coarse way, which is far quicker. */
  get previews(): boolean {
    return Object.keys(this.tensors).some((name) => COARSE.test(name));
  }

  /**
   * earlier: logits of a mask to refine, of the manifest's mask size. coarse: with what `prepare` gives for previews;
   * its masks are smaller.
   */
  decode(prompts: Prompts, earlier?: Float32Array, coarse = false): Promise<Decoded> {
    return this.queued(() => this.decodeNow(prompts, earlier, coarse));
  }

  /** That the next click comes with this earlier mask: what it changes is computed before. */
  async expect(earlier: Float32Array): Promise<void> {
    await this.queued(() => this.changedBy(earlier));
  }

  private queued<T>(work: () => Promise<T>): Promise<T> {
    const done = this.busy.then(work);
    this.busy = done.catch(() => undefined);
    return done;
  }

  private async decodeNow(prompts: Prompts, earlier?: Float32Array, coarse?: boolean): Promise<Decoded> {
    const { mask_width: width, mask_height: height } = this.manifest;
    const { coordinates, labels } = inFrame(this.manifest, prompts);
    const { Tensor } = this.runtime.ort;
    const given: Tensors = {
      ...this.tensors,
      point_coords: new Tensor("float32", coordinates, [1, labels.length, 2]),
      point_labels: new Tensor("float32", labels, [1, labels.length]),
      mask_input: this.maskInput(earlier ?? new Float32Array(width * height)),
      has_mask_input: new Tensor("float32", [earlier ? 1 : 0], [1]),
    };
    if (earlier && this.refines) Object.assign(given, await this.changedBy(earlier));
    if (coarse) Object.assign(given, renamed(given, COARSE));
    const { masks, scores } = await run(this.graphs.get("decode"), given);
    const [one, count, high, wide] = masks?.dims ?? [];
    const sized = coarse ? high && wide : high === height && wide === width;
    if (!masks || one !== 1 || count !== CANDIDATES || !sized || scores?.size !== CANDIDATES)
      throw mismatch(`It gives masks of ${String(masks?.dims)}.`);
    const logits = masks.data as Float32Array;
    const size = logits.length / CANDIDATES;
    return {
      candidates: Array.from({ length: CANDIDATES }, (_, i) => ({
        data: logits.subarray(i * size, (i + 1) * size),
        width: wide!,
        height: high!,
      })),
      scores: Array.from(scores.data as Float32Array),
    };
  }

  /** What an earlier mask changes: for all that is hovered and clicked after it, once. */
  private async changedBy(earlier: Float32Array): Promise<Tensors> {
    if (this.changed?.earlier !== earlier) {
      dispose(this.changed?.tensors);
      this.changed = undefined;
      const given = { ...this.tensors, mask_input: this.maskInput(earlier) };
      this.changed = { earlier, tensors: renamed(await run(this.graphs.get("mask"), given), MASKED) };
    }
    return this.changed.tensors;
  }

  private maskInput(logits: Float32Array): wasm.Tensor {
    const { mask_width: width, mask_height: height } = this.manifest;
    return new this.runtime.ort.Tensor("float32", logits, [1, 1, height, width]);
  }

  async release(): Promise<void> {
    await this.busy;
    dispose(this.changed?.tensors);
    dispose(this.tensors);
    for (const graph of this.graphs.values()) await graph.release();
  }
}

/** On a graphics card, memory that nobody gives back stays taken. */
function dispose(tensors: Tensors = {}): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** What has a prefix, without it: it takes the place of what has that name. */
function renamed(tensors: Tensors, prefix: RegExp): Tensors {
  const some = Object.entries(tensors).filter(([name]) => prefix.test(name));
  return Object.fromEntries(some.map(([name, tensor]) => [name.replace(prefix, ""), tensor]));
}

/** Points and the box's corners, in the decoder's frame. */
function inFrame(manifest: EmbeddingManifest, { points, box }: Prompts) {
  const places = points.map(({ x, y, inside }): [number, number, number] => [x, y, inside ? 1 : 0]);
  if (box) places.push([box.left, box.top, LOW_CORNER], [box.right, box.bottom, HIGH_CORNER]);
  const scaleX = manifest.input_width / manifest.photo_width;
  const scaleY = manifest.input_height / manifest.photo_height;
  return {
    coordinates: Float32Array.from(places.flatMap(([x, y]) => [x * scaleX, y * scaleY])),
    labels: Float32Array.from(places.map(([, , label]) => label)),
  };
}

/** Each graph takes of what is there the inputs that it declares. */
async function run(graph: InferenceSession | undefined, given: Tensors): Promise<Tensors> {
  if (!graph) throw mismatch("A graph is missing.");
  const inputs: Tensors = {};
  for (const name of graph.inputNames) {
    const tensor = given[name];
    if (!tensor) throw mismatch(`Nothing provides its input ${name}.`);
    inputs[name] = tensor;
  }
  try {
    return (await graph.run(inputs)) as Tensors;
  } catch (error) {
    if (UNFIT.test(String(error))) throw mismatch(String(error));
    throw error; // memory, or the graphics card
  }
}
