import { expect, test } from "vitest";

import { contour, enclosed, loopsOf, pathData, type Contour } from "../../../src/select/contour";
import type { Mask } from "../../../src/select/masks";
import { maskOfRows, random, rows } from "./helpers";

/** What the path encloses by the even-odd rule, as a canvas fills it. */
function filled(path: Contour, width: number, height: number): Mask {
  const data = new Uint8Array(width * height);
  for (const corners of loopsOf(path)) {
    for (let i = 0; i < corners.length; i += 2) {
      const j = (i + 2) % corners.length;
      const [x, y0, x1, y1] = [corners[i]!, corners[i + 1]!, corners[j]!, corners[j + 1]!];
      expect(x === x1 || y0 === y1).toBe(true);
      if (x !== x1) continue;
      for (let y = Math.min(y0, y1); y < Math.max(y0, y1); y++)
        for (let right = x; right < width; right++) data[y * width + right]! ^= 1;
    }
  }
  return { data, width, height };
}

test("one px", () => {
  expect([...contour(maskOfRows(["...", ".#.", "..."]))]).toEqual([4, 2, 1, 2, 2, 1, 2, 1, 1]);
});

test("a hole is a loop of its own", () => {
  const ring = contour(maskOfRows(["####", "#..#", "####"]));
  expect([...loopsOf(ring)]).toHaveLength(2);
});

test("nothing has no outline", () => {
  expect(contour(maskOfRows(["..", ".."]))).toHaveLength(0);
});

test("path data", () => {
  expect(pathData(contour(maskOfRows(["#"])), 0.5)).toBe("M0.5 0L0.5 0.5L0 0.5L0 0Z");
});

test("filled again, 80 random masks are what they were, and as large", () => {
  const next = random(5);
  for (let round = 0; round < 80; round++) {
    const [width, height] = [1 + Math.floor(next() * 24), 1 + Math.floor(next() * 24)];
    const share = next();
    const mask = {
      data: Uint8Array.from({ length: width * height }, () => (next() < share ? 1 : 0)),
      width,
      height,
    };
    const loops = contour(mask);
    expect(rows(filled(loops, width, height))).toEqual(rows(mask));
    expect(enclosed(loops)).toBe(mask.data.reduce((sum, px) => sum + px, 0));
  }
});
