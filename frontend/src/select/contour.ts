/**
 * A mask's outline, exactly along its px. It is drawn and filled as a path: crisp at every zoom, in any colour,
 * and far smaller than a picture of the mask.
 */
import { next, type Mask } from "./masks";

/** Closed loops: the number of corners, then x and y of each, and so on. */
export type Contour = Uint16Array<ArrayBuffer>;

const RIGHT = 0;
const STEP_X = [1, 0, -1, 0];
const STEP_Y = [0, 1, 0, -1];

export function contour({ data, width, height }: Mask): Contour {
  const inside = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;
  const outside = new Uint8Array(width);
  const walked = new Uint8Array(width * height); // upper edges
  const out: number[] = [];
  for (let top = 0; top < height; top++) {
    const row = data.subarray(top * width, (top + 1) * width);
    const above = top ? data.subarray((top - 1) * width, top * width) : outside;
    for (let left = 0; left < width; left++) {
      // The next px inside with the one above it outside.
      left = next(row, 1, next(above, 0, left));
      if (left === width || above[left] || walked[top * width + left]) continue;
      // Around the piece (or hole) with the inside on the right hand, beginning along this px's upper edge.
      const counted = out.length;
      out.push(0);
      let [x, y, heading] = [left, top, RIGHT];
      do {
        if (heading === RIGHT) walked[y * width + x] = 1;
        x += STEP_X[heading]!;
        y += STEP_Y[heading]!;
        // The two px ahead of the corner (x, y), on the right and on the left of the way.
        const ahead = [inside(x, y), inside(x - 1, y), inside(x - 1, y - 1), inside(x, y - 1)];
        const turn = !ahead[heading] ? 1 : ahead[(heading + 3) % 4] ? 3 : 0;
        if (turn) {
          out.push(x, y);
          heading = (heading + turn) % 4;
        }
      } while (x !== left || y !== top || heading !== RIGHT);
      out[counted] = (out.length - counted - 1) / 2;
    }
  }
  return Uint16Array.from(out);
}

/** How many px lie inside. Around holes the loops run the other way, so that these count against it. */
export function enclosed(loops: Contour): number {
  let twice = 0;
  for (const corners of loopsOf(loops)) {
    let [x, y] = [corners.at(-2)!, corners.at(-1)!];
    for (let i = 0; i < corners.length; i += 2) {
      const [nextX, nextY] = [corners[i]!, corners[i + 1]!];
      twice += x * nextY - nextX * y;
      [x, y] = [nextX, nextY];
    }
  }
  return twice / 2;
}

/** As SVG path data, scaled. */
export function pathData(loops: Contour, scale = 1): string {
  let text = "";
  for (const corners of loopsOf(loops)) {
    const places: string[] = [];
    for (let i = 0; i < corners.length; i += 2)
      places.push(`${rounded(corners[i]! * scale)} ${rounded(corners[i + 1]! * scale)}`);
    text += `M${places.join("L")}Z`;
  }
  return text;
}

export function* loopsOf(loops: Contour): Generator<Contour> {
  for (let at = 0; at < loops.length;) {
    const end = at + 1 + 2 * loops[at]!;
    yield loops.subarray(at + 1, end);
    at = end;
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
