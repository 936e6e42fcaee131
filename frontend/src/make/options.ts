// What can be chosen of a job, in words, and the last choice remembered.
import type { JobOptions, Quality } from "../api/types";

type Format = JobOptions["formats"][number];
type Texture = JobOptions["texture"];

export const QUALITIES: readonly { value: Quality; label: string; words: string }[] = [
  {
    value: "fast",
    label: "Fast",
    words: "The soonest, with the fewest triangles. Good for phones, and to try a mask.",
  },
  { value: "balanced", label: "Balanced", words: "What most want." },
  {
    value: "high",
    label: "High",
    words: "The most detail. It takes the longest, and its files are the largest.",
  },
];

export const FORMATS: readonly { value: Format; label: string; words: string }[] = [
  { value: "glb", label: "GLB", words: "for most programs, and to see the mesh here" },
  { value: "usdz", label: "USDZ", words: "augmented reality on iPhone and iPad" },
  { value: "obj", label: "OBJ", words: "understood nearly everywhere" },
  { value: "stl", label: "STL", words: "3D printing, without colours" },
  { value: "ply", label: "PLY", words: "MeshLab, CloudCompare, Blender" },
  { value: "splat", label: "Splats", words: "cleaned Gaussians and a compact form, quicker to see here" },
];

export const TEXTURES: readonly { value: Texture; label: string }[] = [
  { value: 512, label: "512 px: small files" },
  { value: 1024, label: "1024 px" },
  { value: 2048, label: "2048 px: sharpest" },
  { value: null, label: "None: colours at the vertices only" },
];

export const LARGEST_SEED = 2 ** 31 - 1;

export const DEFAULT: JobOptions = {
  quality: "balanced",
  formats: ["glb", "usdz", "splat"],
  texture: 1024,
  seed: 42,
};

const KEY = "gen3d.options";

/** The last choice; the seed is a matter of each job. */
export function remembered(store: Pick<Storage, "getItem"> = localStorage): JobOptions {
  try {
    const said = JSON.parse(store.getItem(KEY) ?? "{}") as Record<string, unknown>;
    const formats = Array.isArray(said.formats) ? said.formats : [];
    const known = FORMATS.map(({ value }) => value).filter((value) => formats.includes(value));
    return {
      quality: QUALITIES.find(({ value }) => value === said.quality)?.value ?? DEFAULT.quality,
      formats: known.length > 0 ? known : DEFAULT.formats,
      texture: TEXTURES.find(({ value }) => value === said.texture)?.value ?? textureOf(said),
      seed: DEFAULT.seed,
    };
  } catch {
    return DEFAULT; // nothing stored, or no storage at all
  }
}

export function remember(options: JobOptions, store: Pick<Storage, "setItem"> = localStorage): void {
  try {
    store.setItem(KEY, JSON.stringify(options));
  } catch {
    // A private window may have no storage; then the next form begins as usual.
  }
}

function textureOf(said: Record<string, unknown>): Texture {
  return said.texture === null ? null : DEFAULT.texture;
}

/** A seed as it was typed; undefined if it is none. */
export function seedOf(text: string): number | undefined {
  const seed = /^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return seed <= LARGEST_SEED ? seed : undefined;
}
