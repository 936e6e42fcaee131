/** Where masks are computed: a click never holds the page up. */
import type { EmbeddingManifest, EmbeddingView } from "../api/types";
import { EMBEDDINGS } from "../auth/kept";
import { content, download } from "./content";
import { gpuIsFaster } from "./faster";
import { corrupt, failureOf, mismatch } from "./failure";
import { checkTensors, parseManifest, type Role } from "./manifest";
import { Decoder } from "./onnx";
import type { Answers, FromWorker, Request, ToWorker } from "./protocol";
import { runtime, type Device } from "./runtime";
import { readSafetensors } from "./safetensors";
import { Segmenter } from "./segmenter";

const KEPT_EMBEDDINGS = 12;
const KEPT_GRAPHS = 6;

/**
 * Asked while nobody asks anything: what is asked first takes four times as long as it should, and the next ones twice,
 * until the browser has compiled well what runs for them. A person's question waits for one of them at most.
 */
const TRIALS = [
  "outline",
  ...Array.from({ length: 6 }, () => "glance" as const), // short
  "outline",
  "outline",
] as const;
const TRIAL_MS = 200; // before each

let segmenter: Segmenter | undefined;
let idle = false;

async function answer(request: Request): Promise<Answers[keyof Answers]> {
  idle = false;
  if (request.do === "load") return load(request.embedding, request.device);
  if (request.do === "compare") return compare(request.embedding);
  if (!segmenter) throw new Error("It was asked before it was loaded.");
  return segmenter[request.do](request.wanted);
}

/** Says what it decodes on: where the graphics card fails, on the processor. */
async function load(embedding: EmbeddingView, wanted: Device): Promise<Device> {
  const { manifest, decoder, click } = await photo(embedding);
  const gpu = wanted === "gpu" ? await decoder("gpu").catch(() => undefined) : undefined;
  const works = await gpu?.decode(click).catch(() => undefined); // its programs are compiled with that, too
  if (!works) await gpu?.release().catch(() => undefined);
  const used = gpu && works ? gpu : await decoder("cpu");
  segmenter = new Segmenter(manifest, used);
  if (!works) void practise(segmenter, manifest).catch(() => undefined);
  return works ? "gpu" : "cpu";
}

/** Of clicks in a row across the photo: none is the same as one before, which would need no decoding. */
async function practise(by: Segmenter, { photo_width: width, photo_height: height }: EmbeddingManifest) {
  idle = true;
  for (const [i, what] of TRIALS.entries()) {
    await new Promise((resolve) => setTimeout(resolve, TRIAL_MS));
    if (!idle) return;
    const point = { x: (width * (i + 1)) / (TRIALS.length + 1), y: height / 2, inside: true };
    await by[what]({ points: [point], candidate: 0, edits: [], threshold: 0 });
  }
}

async function compare(embedding: EmbeddingView): Promise<Device> {
  const { decoder, click } = await photo(embedding);
  const faster = await gpuIsFaster(
    click,
    () => decoder("gpu"),
    () => decoder("cpu"),
  );
  return faster ? "gpu" : "cpu";
}

/** What is fetched for a photo, how a decoder is made of it, and a click to try it with. */
async function photo(embedding: EmbeddingView) {
  const manifest = parseManifest(new TextDecoder().decode(await download(embedding.manifest_url)));
  const total = embedding.bytes + embedding.decoder.reduce((sum, { bytes }) => sum + bytes, 0);
  const come = new Map<string, number>();
  const onBytes = (of: string) => (loaded: number) => {
    come.set(of, loaded);
    say({ loaded: Math.min([...come.values()].reduce((sum, bytes) => sum + bytes, 0) / total, 1) });
  };
  const graphs = manifest.decoder.map(async ({ role, sha256 }): Promise<[Role, ArrayBuffer]> => {
    const url = embedding.decoder.find((it) => it.role === role && it.sha256 === sha256)?.url;
    if (!url) throw mismatch(`There is no address of the graph ${role}.`);
    const wanted = { url, sha256, cache: "gen3d-decoders", keep: KEPT_GRAPHS };
    return [role, await content(wanted, mismatch, onBytes(role))];
  });
  const [file, ...files] = await Promise.all([
    content(
      {
        url: embedding.url,
        sha256: manifest.embedding_sha256,
        cache: EMBEDDINGS,
        keep: KEPT_EMBEDDINGS,
      },
      () => corrupt("Its content is not that of the manifest."),
      onBytes("embedding"),
    ),
    ...graphs,
  ]);
  const tensors = readSafetensors(file);
  checkTensors(manifest, tensors);
  const decoder = async (device: Device) =>
    Decoder.load(manifest, tensors, new Map(files), await runtime(device));
  const middle = { x: manifest.photo_width / 2, y: manifest.photo_height / 2, inside: true };
  return { manifest, decoder, click: { points: [middle] } };
}

function say(told: FromWorker, transfer: Transferable[] = []): void {
  postMessage(told, { transfer });
}

function transferables(told: Answers[keyof Answers]): Transferable[] {
  if (!told || typeof told === "string") return [];
  if (Array.isArray(told)) return told.map(({ contour }) => contour.buffer);
  return ["contour" in told ? told.contour.buffer : told.data.buffer];
}

// ONNX Runtime's threads load this very file: an unconditional handler would take theirs away, and they would hang.
if (!self.name.startsWith("em-pthread")) {
  self.onmessage = ({ data: { id, ...request } }: MessageEvent<ToWorker>) => {
    answer(request as Request).then(
      (told) => say({ id, answer: told }, transferables(told)),
      (error: unknown) => say({ id, failure: failureOf(error) }),
    );
  };
}
