// CPU milliseconds of SAM 3's decoder in wasm with one thread, as JSON: `node benchmarks/web/decoder.mjs DIR 1,3,8 15`.
// {prepare, clicks: {points: [[single, decode], ...]}}; benchmarks/decoder.py asks for it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const ort = createRequire(join(ROOT, "frontend/package.json"))("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;

const [folder, points, repeats] = process.argv.slice(2);
const SIZE = 1008;
const SIDE = SIZE / 14;

/** Float16 between 1 and 2, whose bits are easily made. */
const half = (...shape) =>
  new ort.Tensor("float16", Uint16Array.from({ length: product(shape) }, () => 0x3c00 + Math.random() * 0x400), shape);
const single = (scale, ...shape) =>
  new ort.Tensor("float32", Float32Array.from({ length: product(shape) }, () => scale * Math.random()), shape);
const product = (shape) => shape.reduce((a, b) => a * b);

async function timed(graph, given) {
  const inputs = Object.fromEntries(graph.inputNames.map((name) => [name, given[name]]));
  const started = process.cpuUsage();
  const outputs = await graph.run(inputs);
  const { user, system } = process.cpuUsage(started);
  return { outputs, milliseconds: (user + system) / 1000 };
}

const graphs = {};
for (const name of ["single", "prepare", "decode"])
  graphs[name] = await ort.InferenceSession.create(readFileSync(join(folder, `${name}.onnx`)));
let given = {
  image_embed: half(1, 256, SIDE, SIDE),
  high_res_0: half(1, 32, 4 * SIDE, 4 * SIDE),
  high_res_1: half(1, 64, 2 * SIDE, 2 * SIDE),
  mask_input: single(1, 1, 1, 4 * SIDE, 4 * SIDE),
  has_mask_input: single(0, 1),
};
const prepared = await timed(graphs.prepare, given);
given = { ...given, ...prepared.outputs };
const clicks = {};
for (const count of points.split(",").map(Number)) {
  const clicked = { ...given, point_coords: single(SIZE, 1, count, 2), point_labels: single(0, 1, count) };
  clicks[count] = [];
  for (let i = 0; i < Number(repeats); i++) {
    const one = await timed(graphs.single, clicked);
    const three = await timed(graphs.decode, clicked);
    clicks[count].push([one.milliseconds, three.milliseconds]);
  }
}
console.log(JSON.stringify({ prepare: prepared.milliseconds, clicks }));
