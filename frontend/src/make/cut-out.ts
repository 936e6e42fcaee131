// An object cut out of a photo, as a small picture.
import type { SelectedObject } from "../app/contracts";

/** px. */
export const SIDE = 144;

export function paint(
  canvas: HTMLCanvasElement,
  { mask, width, height }: SelectedObject,
  photo: HTMLImageElement,
): void {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const box = boundsOf(mask, width, height);
  if (!context || !box) return;
  const scale = Math.min(SIDE / box.width, SIDE / box.height);
  const [left, top] = [(SIDE - box.width * scale) / 2, (SIDE - box.height * scale) / 2];
  const [fx, fy] = [photo.naturalWidth / width, photo.naturalHeight / height];
  context.drawImage(
    photo,
    ...([box.x * fx, box.y * fy, box.width * fx, box.height * fy] as const),
    ...([left, top, box.width * scale, box.height * scale] as const),
  );
  const picture = context.getImageData(0, 0, SIDE, SIDE);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const px = Math.floor(box.x + (x - left) / scale);
      const py = Math.floor(box.y + (y - top) / scale);
      const inside = px >= 0 && py >= 0 && px < width && py < height && mask[py * width + px];
      if (!inside) picture.data[4 * (y * SIDE + x) + 3] = 0;
    }
  context.putImageData(picture, 0, 0);
}

interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The smallest rectangle around what is 1; undefined where nothing is. */
export function boundsOf(mask: Uint8Array, width: number, height: number): Bounds | undefined {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    const row = mask.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(1);
    if (first < 0) continue;
    left = Math.min(left, first);
    right = Math.max(right, row.lastIndexOf(1));
    top = Math.min(top, y);
    bottom = y;
  }
  return right < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}
