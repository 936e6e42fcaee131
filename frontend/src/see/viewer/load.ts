// Which file each mode shows, and the code for it: fetched when it is first wanted.
import type { WebGLRenderer } from "three";
import type { JobFiles, FetchOptions } from "../files";
import type { Layer, Mode } from "./layer";

/** The best first. The compact splats are the cleaned ones, in a quarter of the bytes. */
const SOURCES: Readonly<Record<Mode, readonly string[]>> = {
  splats: ["splat.spz", "splat-clean.ply", "splat.ply"],
  points: ["splat-clean.ply", "splat.ply"],
  mesh: ["mesh.glb"],
};

/** The file that a mode shows; undefined where it was not made. */
export function source(mode: Mode, files: Pick<JobFiles, "has">): string | undefined {
  return SOURCES[mode].find((name) => files.has(name));
}

interface LoadOptions extends FetchOptions {
  renderer: WebGLRenderer;
  onChange: () => void;
}

/** Rejects as `JobFiles.read`, or where the file cannot be shown. */
export async function load(
  mode: Mode,
  files: JobFiles,
  { renderer, onChange, ...options }: LoadOptions,
): Promise<Layer> {
  const name = source(mode, files) ?? "";
  // Code and file come at the same time.
  const content = files.read(name, options);
  switch (mode) {
    case "splats": {
      const [{ splatsLayer }, data] = await Promise.all([import("./splats"), content]);
      const type = name.endsWith(".spz") ? "spz" : "ply";
      // A copy, as Spark hands it to a worker, and the points may want it too.
      return splatsLayer(data.slice(0), { type, renderer, onChange });
    }
    case "points": {
      const [{ pointsLayer }, data] = await Promise.all([import("./points"), content]);
      return pointsLayer(data);
    }
    case "mesh": {
      const [{ meshLayer }, data] = await Promise.all([import("./mesh"), content]);
      return meshLayer(data);
    }
  }
}
