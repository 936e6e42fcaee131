/** From what a person marked to an outline or a mask. Decodings are kept: undo and sliders cost no run. */
import type { EmbeddingManifest } from "../api/types";
import { contour, enclosed, type Contour } from "./contour";
import { applyEdits } from "./edits";
import { maskPng } from "./mask-png";
import { emptyMask, maskOf, type Mask } from "./masks";
import { earlier, isAsked, type Marked, type Reading } from "./objects";
import { CANDIDATES, type Decoded, type Decoder } from "./onnx";

export type Wanted = Pick<Marked, "points" | "box" | "candidate" | "chosen" | "edits" | "threshold">;

type Prompted = Omit<Reading, "candidate">;

export interface Outline {
  contour: Contour;
  /** Px of the outline for one px of the photo. */
  scale: number;
  /** Of the photo's area that is inside, 0 to 1. */
  share: number;
  /** A finer one can be had. */
  coarse: boolean;
}

/** One of the decoder's readings, small. */
export interface Candidate {
  score: number;
  contour: Contour;
}

/** At the photo's size, and as it is sent. */
export interface CutOut extends Mask {
  png: Blob;
}

/** Longest sides in px. Outlines are for the eye; the mask that is sent has the photo's own size. */
const SIDE = { outline: 2048, glance: 768, thumbnail: 128 };
const KEPT = 24;

export class Segmenter {
  private readonly decoded = new Map<string, Decoded>();

  constructor(
    private readonly manifest: EmbeddingManifest,
    private readonly decoder: Pick<Decoder, "decode" | "expect" | "previews" | "refines">,
  ) {}

  async outline(wanted: Wanted): Promise<Outline> {
    const { mask, scale } = this.maskAt(SIDE.outline, await this.decode(wanted), wanted);
    return { ...outlined(mask, scale), coarse: false };
  }

  /** All four, to choose from; none where the decoder is not asked. */
  async candidates(wanted: Wanted): Promise<Candidate[]> {
    const decoded = await this.decode(wanted);
    const { width, height } = this.size(SIDE.thumbnail);
    const threshold = this.manifest.mask_threshold + wanted.threshold;
    return (decoded?.candidates ?? []).map((logits, i) => ({
      score: decoded?.scores[i] ?? 0,
      contour: contour(maskOf(logits, width, height, threshold)),
    }));
  }

  /** As soon as can be: a coarse outline where that is quicker, or else the outline itself. */
  async glance(wanted: Wanted): Promise<Outline> {
    const quicker = this.decoder.previews && isAsked(wanted) && !this.decoded.has(this.key(wanted));
    if (!quicker) return this.outline(wanted);
    const { points, box } = wanted;
    const decoded = await this.decoder.decode({ points, box }, await this.logits(wanted), true);
    const { mask, scale } = this.maskAt(SIDE.glance, decoded, wanted);
    return { ...outlined(mask, scale), coarse: true };
  }

  async mask(wanted: Wanted): Promise<CutOut> {
    const { mask } = this.maskAt(Infinity, await this.decode(wanted), wanted);
    return { ...mask, png: await maskPng(mask.data, mask.width, mask.height) };
  }

  /** That the next click refines this. */
  async expect(wanted: Wanted): Promise<void> {
    if (!this.decoder.refines) return;
    const earlier = (await this.decode(wanted))?.candidates[wanted.candidate]?.data;
    if (earlier) await this.decoder.expect(earlier);
  }

  private maskAt(side: number, decoded: Decoded | undefined, { candidate, threshold, edits }: Wanted) {
    const { width, height, scale } = this.size(side);
    const logits = decoded?.candidates[Math.min(candidate, CANDIDATES - 1)];
    const mask = logits
      ? maskOf(logits, width, height, this.manifest.mask_threshold + threshold)
      : emptyMask(width, height);
    return { mask: applyEdits(mask, edits, scale), scale };
  }

  private size(longest: number) {
    const { photo_width: width, photo_height: height } = this.manifest;
    const scale = Math.min(longest / Math.max(width, height), 1);
    const side = (px: number) => Math.max(Math.round(px * scale), 1);
    return { width: side(width), height: side(height), scale };
  }

  private async decode(prompts: Prompted): Promise<Decoded | undefined> {
    if (!isAsked(prompts)) return undefined;
    const key = this.key(prompts);
    const decoded = this.decoded.get(key) ?? (await this.decoder.decode(prompts, await this.logits(prompts)));
    this.decoded.delete(key);
    this.decoded.set(key, decoded); // now the youngest
    for (const oldest of [...this.decoded.keys()].slice(0, -KEPT)) this.decoded.delete(oldest);
    return decoded;
  }

  /** Of the reading before: always the same, whatever was decoded since, as undo, redo and a reload need it. */
  private async logits(prompts: Prompted): Promise<Float32Array | undefined> {
    const before = this.decoder.refines ? earlier(prompts) : undefined;
    return before && (await this.decode(before))?.candidates[before.candidate]?.data;
  }

  private key({ points, box, chosen = [] }: Prompted): string {
    return JSON.stringify([points, box, this.decoder.refines && chosen]);
  }
}

function outlined(mask: Mask, scale: number) {
  const loops = contour(mask);
  return { contour: loops, scale, share: enclosed(loops) / mask.data.length };
}
