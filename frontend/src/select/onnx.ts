/** The decoder of one photo: ONNX graphs by role, fed with the embedding's tensors and a person's prompts. */
import { InferenceSession, Tensor } from "onnxruntime-web/wasm";

import type { EmbeddingManifest } from "../api/types";
import { mismatch } from "./failure";
import type { Role } from "./manifest";
import type { Plane } from "./masks";
import type { Prompts } from "./objects";
import type { NamedTensor } from "./safetensors";

/** Candidate 0 is the one to take; 1 to 3 go from a part to the whole. */
export const CANDIDATES = 4;
const MASKED = /^masked_/;
const LOW_CORNER = 2;
const HIGH_CORNER = 3;

export interface Decoded {
  candidates: Plane[];
  scores: number[];
}

type Tensors = Record<string, Tensor>;

export class Decoder {
  private constructor(
    private readonly manifest: EmbeddingManifest,
    private readonly graphs: ReadonlyMap<Role, InferenceSession>,
    private readonly tensors: Tensors,
  ) {}

  /** What depends on the photo alone is computed here, once. */
  static async load(
    manifest: EmbeddingManifest,
    embedding: readonly NamedTensor[],
    files: ReadonlyMap<Role, ArrayBuffer>,
  ): Promise<Decoder> {
    const graphs = new Map<Role, InferenceSession>();
    for (const [role, file] of files) {
      const graph = await InferenceSession.create(new Uint8Array(file)).catch((error: unknown) => {
        throw mismatch(`The graph ${role} cannot be loaded: ${String(error)}`);
      });
      graphs.set(role, graph);
    }
    const tensors = Object.fromEntries(
      embedding.map(({ name, dtype, data, shape }) => {
        return [name, new Tensor(dtype, data as Uint8Array, shape)];
      }),
    );
    const prepare = graphs.get("prepare");
    return new Decoder(
      manifest,
      graphs,
      prepare ? { ...tensors, ...(await run(prepare, tensors)) } : tensors,
    );
  }

  /** earlier: logits of a mask to refine, of the manifest's mask size. */
  async decode(prompts: Prompts, earlier?: Float32Array): Promise<Decoded> {
    const { mask_width: width, mask_height: height } = this.manifest;
    const { coordinates, labels } = inFrame(this.manifest, prompts);
    const given: Tensors = {
      ...this.tensors,
      point_coords: new Tensor("float32", coordinates, [1, labels.length, 2]),
      point_labels: new Tensor("float32", labels, [1, labels.length]),
      mask_input: new Tensor("float32", earlier ?? new Float32Array(width * height), [1, 1, height, width]),
      has_mask_input: new Tensor("float32", [earlier ? 1 : 0], [1]),
    };
    const refine = earlier && this.graphs.get("mask");
    const masked = refine ? await run(refine, given) : {};
    const replaced = Object.fromEntries(
      Object.entries(masked).map(([name, tensor]) => [name.replace(MASKED, ""), tensor]),
    );
    const { masks, scores } = await run(this.graphs.get("decode"), { ...given, ...replaced });
    if (masks?.dims.join() !== [1, CANDIDATES, height, width].join() || scores?.size !== CANDIDATES)
      throw mismatch(`It gives masks of ${String(masks?.dims)}.`);
    const logits = masks.data as Float32Array;
    const size = width * height;
    return {
      candidates: Array.from({ length: CANDIDATES }, (_, i) => ({
        data: logits.subarray(i * size, (i + 1) * size),
        width,
        height,
      })),
      scores: Array.from(scores.data as Float32Array),
    };
  }

  async release(): Promise<void> {
    for (const graph of this.graphs.values()) await graph.release();
  }
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
    throw mismatch(String(error));
  }
}
