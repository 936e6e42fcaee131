/** The embedding's manifest (docs/clicks.md), checked before anything is made of it. */
import type { EmbeddingManifest } from "../api/types";
import { corrupt, mismatch } from "./failure";
import type { NamedTensor } from "./safetensors";

export type Role = EmbeddingManifest["decoder"][number]["role"];

const ROLES: readonly Role[] = ["prepare", "mask", "decode"];
const SHA256 = /^[0-9a-f]{64}$/;
const SIZES = [
  "photo_width",
  "photo_height",
  "input_width",
  "input_height",
  "mask_width",
  "mask_height",
] as const;

export function parseManifest(text: string): EmbeddingManifest {
  let manifest: Partial<EmbeddingManifest>;
  try {
    manifest = (JSON.parse(text) ?? {}) as Partial<EmbeddingManifest>;
  } catch {
    throw corrupt("The manifest is not JSON.");
  }
  if (manifest.schema_version?.split(".")[0] !== "1") throw corrupt("The manifest is of an unknown version.");
  for (const name of SIZES) {
    const size = manifest[name];
    if (!Number.isSafeInteger(size) || (size ?? 0) < 1) throw corrupt(`The manifest's ${name} is no size.`);
  }
  if (!Number.isFinite(manifest.mask_threshold)) throw corrupt("The manifest has no threshold.");
  if (!SHA256.test(manifest.embedding_sha256 ?? "")) throw corrupt("The manifest names no embedding.");
  if (!Array.isArray(manifest.tensors)) throw corrupt("The manifest names no tensors.");
  const graphs = manifest.decoder ?? [];
  const roles = graphs.map(({ role }) => role);
  if (roles.filter((role) => role === "decode").length !== 1 || new Set(roles).size !== roles.length)
    throw mismatch("The manifest does not name one graph for each role.");
  if (!graphs.every(({ role, sha256 }) => ROLES.includes(role) && SHA256.test(sha256)))
    throw mismatch("The manifest names a graph in a way unknown here.");
  return manifest as EmbeddingManifest;
}

/** Whether the embedding holds what the manifest announces: the same tensors, each of that shape and type. */
export function checkTensors(manifest: EmbeddingManifest, tensors: readonly NamedTensor[]): void {
  const told = ({ name, shape, dtype }: { name: string; shape: readonly number[]; dtype: string }) =>
    `${name} ${dtype} ${shape.join("x")}`;
  const announced = manifest.tensors.map(told).sort().join(", ");
  const found = tensors.map(told).sort().join(", ");
  if (announced !== found) throw corrupt(`Its tensors are ${found}, not ${announced}.`);
}
