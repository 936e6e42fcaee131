// What is worth showing of stats.json. It is a file, and older ones have fewer fields: nothing in it is taken as given.
import type { Box, Vector } from "./viewer/frames";

export interface Stats {
  /** The mesh's, in the viewer's frame. */
  bounds?: Box;
  facts: { label: string; value: string }[];
}

type Json = Record<string, unknown>;

export function readStats(text: string): Stats {
  const stats = object(JSON.parse(text));
  const gaussians = object(stats.gaussians);
  const seconds = object(stats.seconds);
  const texture = object(stats.texture);
  const box = object(stats.bounds);
  const [min, max] = [vector(box.min), vector(box.max)];
  const facts = [
    fact("Gaussians", count(gaussians.read)),
    fact("Used for the mesh", count(gaussians.connected ?? gaussians.used)),
    fact("Triangles", count(stats.triangles)),
    fact("Vertices", count(stats.vertices)),
    fact("Closed surface", stats.watertight === true ? "yes" : stats.watertight === false ? "no" : undefined),
    fact("Texture", finite(texture.size) ? `${texture.size} × ${texture.size} px` : undefined),
    fact("Mesh made in", finite(seconds.total) ? `${seconds.total.toFixed(1)} s` : undefined),
  ];
  return {
    ...(min && max && { bounds: { min, max } }),
    facts: facts.filter((it) => it !== undefined),
  };
}

function fact(label: string, value: string | undefined): { label: string; value: string } | undefined {
  return value === undefined ? undefined : { label, value };
}

function count(value: unknown): string | undefined {
  return finite(value) ? value.toLocaleString("en") : undefined;
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function finite(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function vector(value: unknown): Vector | undefined {
  if (!Array.isArray(value) || value.length !== 3 || !value.every(finite)) return undefined;
  return value as unknown as Vector;
}
