/** What a person does to a mask by hand, on top of what the decoder makes of the clicks; in the order done. */
import type { Mask } from "./masks";

export interface Stroke {
  kind: "stroke";
  erase: boolean;
  /** px of the photo. */
  radius: number;
  /** x, y, x, y, ... in px of the photo. */
  path: number[];
}

export type Edit = Stroke | { kind: "invert" };

/** scale: px of the mask for one px of the photo. */
export function applyEdits(mask: Mask, edits: readonly Edit[], scale = 1): Mask {
  for (const edit of edits) {
    if (edit.kind === "stroke") paint(mask, edit, scale);
    else for (let i = 0; i < mask.data.length; i++) mask.data[i] = mask.data[i] ? 0 : 1;
  }
  return mask;
}

function paint(mask: Mask, { erase, radius, path }: Stroke, scale: number): void {
  const r = radius * scale;
  for (let i = 0; i + 1 < path.length; i += 2) {
    const [x1, y1] = [path[i]! * scale, path[i + 1]! * scale];
    const [x0, y0] = i === 0 ? [x1, y1] : [path[i - 2]! * scale, path[i - 1]! * scale];
    capsule(mask, x0, y0, x1, y1, r, erase ? 0 : 1);
  }
}

/** Every px whose centre is within r of the line from one place to another. */
function capsule(mask: Mask, x0: number, y0: number, x1: number, y1: number, r: number, value: 0 | 1): void {
  const { data, width, height } = mask;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const top = Math.max(Math.floor(Math.min(y0, y1) - r), 0);
  const bottom = Math.min(Math.ceil(Math.max(y0, y1) + r), height);
  const left = Math.max(Math.floor(Math.min(x0, x1) - r), 0);
  const right = Math.min(Math.ceil(Math.max(x0, x1) + r), width);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
      const along = length ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
      const [ex, ey] = [px - along * dx, py - along * dy];
      if (ex * ex + ey * ey <= r * r) data[y * width + x] = value;
    }
  }
}
