// The real decoder on a real embedding: ONNX Runtime's wasm here against its native form in Python's client.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { env, Tensor } from "onnxruntime-web/wasm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import type { EmbeddingManifest } from "../../../src/api/types";
import { content, sha256 } from "../../../src/select/content";
import type { Edit } from "../../../src/select/edits";
import { DecoderFailure } from "../../../src/select/failure";
import { checkTensors, parseManifest, type Role } from "../../../src/select/manifest";
import { active, boxOf, mark, NOTHING, type Action } from "../../../src/select/objects";
import { Decoder, type Decoded } from "../../../src/select/onnx";
import { readSafetensors, type NamedTensor } from "../../../src/select/safetensors";
import { Segmenter, type Wanted } from "../../../src/select/segmenter";

interface Case {
  points?: [number, number, number][];
  box?: [number, number, number, number];
  scores: number[];
  masks: string[];
}

vi.setConfig({ testTimeout: 30_000 }); // wasm on a busy machine

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const EMBED = fileURLToPath(new URL("embed.py", import.meta.url));

let manifest: EmbeddingManifest;
let tensors: NamedTensor[];
let graph: ArrayBuffer;
let cases: Case[];
let decoder: Decoder;
let segmenter: Segmenter;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "gen3d-decoder-"));
  execFileSync(join(ROOT, ".venv/bin/python"), [EMBED, folder], { stdio: "inherit" });
  const read = (name: string) => {
    const bytes = readFileSync(join(folder, name));
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  };
  const text = (name: string) => new TextDecoder().decode(read(name));
  manifest = parseManifest(text("manifest.json"));
  tensors = readSafetensors(read("embedding.safetensors"));
  graph = read("decode.onnx");
  cases = JSON.parse(text("cases.json")) as Case[];
  rmSync(folder, { recursive: true });
  env.wasm.numThreads = 1;
  decoder = await Decoder.load(manifest, tensors, new Map([["decode", graph]]));
  segmenter = new Segmenter(manifest, decoder);
}, 60_000);

afterAll(() => decoder.release());

function wanted({ points = [], box }: Pick<Case, "points" | "box">, candidate = 0): Wanted {
  return {
    points: points.map(([x, y, label]) => ({ x, y, inside: label === 1 })),
    box: box && boxOf(...box),
    edits: [],
    candidate,
    threshold: 0,
  };
}

test("the embedding is what its manifest says", () => {
  expect(() => checkTensors(manifest, tensors)).not.toThrow();
});

test.each([0, 1, 2, 3, 4, 5])("case %i: all candidates are those of Python's client", async (number) => {
  const it = cases[number]!;
  const candidates = await segmenter.candidates(wanted(it));
  candidates.forEach(({ score }, i) => expect(score).toBeCloseTo(it.scores[i]!, 4));
  for (const [candidate, expected] of it.masks.entries()) {
    const { data, width, height } = await segmenter.mask(wanted(it, candidate));
    expect([width, height]).toEqual([manifest.photo_width, manifest.photo_height]);
    const different = data.reduce((sum, px, i) => sum + (px === (expected[i] === "#" ? 1 : 0) ? 0 : 1), 0);
    // The two runtimes round differently: a px whose logit is as good as 0 may fall on either side.
    expect(different).toBeLessThanOrEqual(3);
    expect(expected).toContain("#");
  }
});

test("an outline says how much is inside; where there is no coarse way, a glance is the outline", async () => {
  const it = wanted(cases[0]!);
  const [outline, mask] = [await segmenter.outline(it), await segmenter.mask(it)];
  const inside = mask.data.reduce((sum, px) => sum + px, 0);
  expect(outline.share).toBeCloseTo(inside / mask.data.length, 6);
  expect(await segmenter.glance(it)).toEqual(outline);
  expect(await segmenter.candidates(it)).toHaveLength(4);
});

test("strokes and inverting are done to the decoder's mask; without clicks it is not asked", async () => {
  const stroke: Edit = { kind: "stroke", erase: false, radius: 5, path: [10, 140] };
  const plain = await segmenter.outline(wanted(cases[0]!));
  const edited = await segmenter.outline({ ...wanted(cases[0]!), edits: [stroke, { kind: "invert" }] });
  expect(edited.share).toBeLessThan(1 - plain.share);
  const alone = await segmenter.outline({ ...wanted({}), edits: [stroke] });
  expect(alone.share).toBeGreaterThan(0);
  expect(await segmenter.candidates({ ...wanted({}), edits: [stroke] })).toEqual([]);
});

test("a lower threshold takes more in", async () => {
  const it = wanted(cases[1]!);
  const shares = [];
  for (const threshold of [3, 0, -3]) shares.push((await segmenter.outline({ ...it, threshold })).share);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(new Set(shares).size).toBeGreaterThan(1);
});

test("the mask graph replaces tensors for an earlier mask alone", async () => {
  // masked_mask_input = Neg (mask_input), as ONNX
  const turn =
    "CAg6hQEKJgoKbWFza19pbnB1dBIRbWFza2VkX21hc2tfaW5wdXQiA05lZzoAEgRtYXNrWiYKCm1hc2tfaW5wdXQSGAoWCAESEgoCCAEKAggB" +
    "CgMSAWgKAxIBd2ItChFtYXNrZWRfbWFza19pbnB1dBIYChYIARISCgIIAQoCCAEKAxIBaAoDEgF3QgQKABAR";
  const graphs = new Map<Role, ArrayBuffer>([
    ["mask", Uint8Array.from(atob(turn), (it) => it.charCodeAt(0)).buffer],
    ["decode", graph],
  ]);
  const turning = await Decoder.load(manifest, tensors, graphs);
  const { points, box } = wanted(cases[0]!);
  const prompts = { points, box };
  const logits = async (of: Decoder, earlier?: Float32Array) =>
    (await of.decode(prompts, earlier)).candidates[0]!.data as Float32Array;
  const same = (a: Float32Array, b: Float32Array) => a.length === b.length && a.every((it, i) => it === b[i]);
  const plain = await logits(decoder);
  const turned = plain.map((it) => -it);
  expect(same(await logits(turning, plain), await logits(decoder, turned))).toBe(true);
  expect(same(await logits(turning), plain)).toBe(true);

  // What an earlier mask changed is given back with the next one, though both were asked for at once.
  const disposed = vi.spyOn(Tensor.prototype, "dispose");
  const both = await Promise.all([logits(turning, plain.slice()), logits(turning, turned)]);
  expect(same(both[0]!, await logits(decoder, turned))).toBe(true);
  expect(same(both[1]!, await logits(decoder, plain))).toBe(true);
  expect(disposed).toHaveBeenCalledTimes(2);

  // What is expected is computed before, and kept where the click comes as expected.
  await turning.expect(plain);
  expect(disposed).toHaveBeenCalledTimes(3);
  expect(same(await logits(turning, plain), await logits(decoder, turned))).toBe(true);
  expect(disposed).toHaveBeenCalledTimes(3);
  await turning.release();
  expect(disposed).toHaveBeenCalledTimes(4 + tensors.length);
  disposed.mockRestore();
});

function altered(data: NamedTensor["data"]): NamedTensor["data"] {
  const copy = data.slice() as typeof data;
  return copy.reverse() as typeof data;
}

test("a preview is made of the coarse tensors, and the mask is not", async () => {
  const coarse = tensors.map(({ name, data, ...it }) => ({
    ...it,
    name: `coarse_${name}`,
    data: altered(data),
  }));
  const instead = coarse.map((it) => ({ ...it, name: it.name.replace("coarse_", "") }));
  const both = await Decoder.load(manifest, [...tensors, ...coarse], new Map([["decode", graph]]));
  const other = await Decoder.load(manifest, instead, new Map([["decode", graph]]));
  const { points, box } = wanted(cases[0]!);
  const prompts = { points, box };
  expect([decoder.previews, both.previews]).toEqual([false, true]);
  const print = ({ candidates }: Decoded) => createHash("sha256").update(candidates[0]!.data).digest("hex");
  const [fine, coarsely] = [await decoder.decode(prompts), await other.decode(prompts)].map(print);
  expect(print(await both.decode(prompts, undefined, true))).toBe(coarsely);
  expect(print(await both.decode(prompts))).toBe(fine);
  expect(fine).not.toBe(coarsely);
  const previewing = new Segmenter(manifest, both);
  const glanced = await previewing.glance(wanted(cases[0]!));
  const outlined = await previewing.outline(wanted(cases[0]!));
  const again = await previewing.glance(wanted(cases[0]!)); // of the finer tensors, which are decoded now
  expect([glanced.coarse, outlined.coarse]).toEqual([true, false]);
  expect(glanced.share).not.toBe(outlined.share);
  expect(again).toEqual(outlined);
  const stroke: Edit = { kind: "stroke", erase: false, radius: 5, path: [10, 140] };
  const painted = { ...wanted({}), edits: [stroke] }; // of which the decoder is not asked
  expect(await previewing.glance(painted)).toEqual(await previewing.outline(painted));
});

test("undo and sliders run the decoder no more", async () => {
  let runs = 0;
  const counted = new Segmenter(manifest, {
    refines: false,
    previews: false,
    expect: () => Promise.reject(new Error("It refines nothing.")),
    decode: (prompts) => (runs++, decoder.decode(prompts)),
  });
  await counted.outline(wanted(cases[0]!));
  await counted.outline(wanted(cases[1]!));
  await counted.outline(wanted(cases[0]!, 3));
  await counted.mask({ ...wanted(cases[0]!), threshold: 1 });
  await counted.expect(wanted(cases[0]!));
  expect(runs).toBe(2);
});

describe("a click refines what was chosen before it", () => {
  const asked: { points: number; earlier: number | undefined }[] = [];
  const expected: number[] = [];
  /** Marks its candidates 1, 2, ... 4 of its run in their first logit. */
  const telling = (refines = true) => {
    asked.length = expected.length = 0;
    const size = { width: manifest.mask_width, height: manifest.mask_height };
    return new Segmenter(manifest, {
      refines,
      previews: false,
      expect: (earlier) => Promise.resolve(void expected.push(earlier[0]!)),
      decode: ({ points }, earlier) => {
        asked.push({ points: points.length, earlier: earlier?.[0] });
        const logits = (i: number) =>
          new Float32Array(size.width * size.height).fill(10 * points.length + i + 1);
        return Promise.resolve({
          candidates: [0, 1, 2, 3].map((i) => ({ data: logits(i), ...size })),
          scores: [1, 1, 1, 1],
        });
      },
    });
  };
  const point = (x: number): Action => ({ do: "point", point: { x, y: 9, inside: true } });
  const after = (...actions: Action[]) => active(actions.reduce(mark, NOTHING))!;
  const third: Action = { do: "candidate", candidate: 2 };

  test("with the logits of that candidate, after a reload too", async () => {
    await telling().outline(after(point(1), third, point(2), point(3)));
    expect(asked).toEqual([
      { points: 1, earlier: undefined },
      { points: 2, earlier: 13 },
      { points: 3, earlier: 23 },
    ]);
  });

  test("which is expected before it is clicked", async () => {
    const it = telling();
    await it.expect(after({ do: "edit", edit: { kind: "stroke", erase: false, radius: 5, path: [1, 1] } }));
    await it.outline(after(point(1), third));
    await it.expect(after(point(1), third));
    expect(asked).toHaveLength(1);
    expect(expected).toEqual([13]);
  });

  test("and undo, redo and another choice leave it as it was made", async () => {
    const it = telling();
    const [one, two] = [after(point(1), third), after(point(1), third, point(2))];
    await it.outline(one);
    await it.outline(two);
    await it.outline({ ...two, candidate: 0 });
    await it.outline(one);
    await it.outline(two);
    expect(asked).toHaveLength(2);
    await it.outline(after(point(1), point(2))); // the same points, of another choice
    expect(asked.at(-1)).toEqual({ points: 2, earlier: 11 });
  });

  test("not where the decoder takes none, nor after a box or a reset", async () => {
    await telling(false).outline(after(point(1), point(2)));
    expect(asked).toEqual([{ points: 2, earlier: undefined }]);
    const box: Action = { do: "box", box: boxOf(0, 0, 50, 50) };
    await telling().outline(after(point(1), point(2), box));
    expect(asked).toEqual([{ points: 2, earlier: undefined }]);
    await telling().outline(after(point(1), { do: "reset" }, point(2)));
    expect(asked).toEqual([{ points: 1, earlier: undefined }]);
  });
});

test("an earlier mask counts", async () => {
  const { points } = wanted(cases[0]!);
  const earlier = new Float32Array(manifest.mask_width * manifest.mask_height).fill(-9);
  const [fresh, refined] = [await decoder.decode({ points }), await decoder.decode({ points }, earlier)];
  expect(refined.candidates[0]?.data).not.toEqual(fresh.candidates[0]?.data);
});

test("graph and embedding that do not fit together are told", async () => {
  const load = (some: NamedTensor[], file = graph) =>
    Decoder.load(manifest, some, new Map([["decode", file]]));
  await expect(load(tensors, new ArrayBuffer(64))).rejects.toThrow(DecoderFailure);
  const poor = await load(tensors.slice(1));
  await expect(poor.decode(wanted(cases[0]!))).rejects.toThrow(DecoderFailure);
});

test("what is fetched is checked by its hash", async () => {
  const url = `data:application/octet-stream;base64,${Buffer.from(graph).toString("base64")}`;
  const sha = createHash("sha256").update(Buffer.from(graph)).digest("hex");
  const ask = (hash: string) =>
    content({ url, sha256: hash, cache: "test", keep: 1 }, () => new Error("damaged"));
  expect(await sha256(await ask(sha))).toBe(sha);
  await expect(ask("0".repeat(64))).rejects.toThrow("damaged");

  vi.stubGlobal("crypto", { subtle: undefined }); // as browsers have it over plain HTTP
  await expect(ask(sha)).rejects.toThrow("This address is not secure");
  vi.unstubAllGlobals();
});
