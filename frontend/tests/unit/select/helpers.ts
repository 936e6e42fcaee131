import type { Mask } from "../../../src/select/masks";

export function rows({ data, width, height }: Mask): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from(data.subarray(y * width, (y + 1) * width), (px) => (px ? "#" : ".")).join(""),
  );
}

export function maskOfRows(lines: readonly string[]): Mask {
  return {
    data: Uint8Array.from(lines.join(""), (px) => (px === "#" ? 1 : 0)),
    width: lines[0]?.length ?? 0,
    height: lines.length,
  };
}

/** Numbers from 0 to 1 that are the same in each run. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
