/** What the API takes of a photo (docs/api.md), and what the page makes of one that is over it. */
export const MIN_SIDE = 64;
export const MAX_SIDE = 8192;
export const MAX_BYTES = 20 * 1024 * 1024;

/** The long side of a photo that is made smaller: a canvas of this size works on phones too. */
export const REDUCED_SIDE = 4096;

/** The size in which a photo is sent, upright; the photo's own if it keeps to the limits. */
export function sentSize(width: number, height: number, bytes: number): { width: number; height: number } {
  const long = Math.max(width, height);
  if (long <= MAX_SIDE && bytes <= MAX_BYTES) return { width, height };
  const scale = Math.min(1, REDUCED_SIDE / long);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
