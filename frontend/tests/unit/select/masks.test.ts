import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import {
  emptyMask,
  fillHoles,
  maskOf,
  upscaledAbove,
  type Mask,
  type Plane,
} from "../../../src/select/masks";
import { random, rows, maskOfRows } from "./helpers";

interface Vector {
  name: string;
  logits: number[][];
  width: number;
  height: number;
  threshold: number;
  mask: string[];
}

const VECTORS = JSON.parse(
  readFileSync(new URL("../../../../client/vectors/masks.json", import.meta.url), "utf-8"),
) as Vector[];

test.each(VECTORS)("as Python's client: $name", ({ logits, width, height, threshold, mask }) => {
  const plane = {
    data: Float32Array.from(logits.flat()),
    width: logits[0]?.length ?? 0,
    height: logits.length,
  };
  expect(rows(maskOf(plane, width, height, threshold))).toEqual(mask);
});

/** Each px by itself, in float32. */
function upscaledSlowly(
  { data, ...from }: Plane,
  width: number,
  height: number,
  threshold: number,
): string[] {
  const f = Math.fround;
  const place = (i: number, size: number, target: number) =>
    Math.min(Math.max((i + 0.5) * (size / target) - 0.5, 0), size - 1);
  const mask = emptyMask(width, height);
  for (let i = 0; i < width * height; i++) {
    const x = place(i % width, from.width, width);
    const y = place(Math.floor(i / width), from.height, height);
    const along = (row: number) => {
      const at = (column: number) => data[row * from.width + Math.min(column, from.width - 1)]!;
      const left = at(Math.floor(x));
      return f(left + f(f(at(Math.floor(x) + 1) - left) * f(x - Math.floor(x))));
    };
    const high = along(Math.floor(y));
    const low = along(Math.min(Math.floor(y) + 1, from.height - 1));
    mask.data[i] = f(high + f(f(low - high) * f(y - Math.floor(y)))) > f(threshold) ? 1 : 0;
  }
  return rows(mask);
}

test("nothing is lost where nothing is interpolated", () => {
  const next = random(5);
  for (let i = 0; i < 60; i++) {
    const [width, height, threshold] = [1 + Math.floor(9 * next()), 1 + Math.floor(9 * next()), next() - 0.5];
    // Some logits lie just at the threshold, some are huge.
    const logit = () => (next() < 0.3 ? threshold : (next() - 0.5) * 10 ** (6 * next()));
    const plane = { data: Float32Array.from({ length: width * height }, logit), width, height };
    const size = [1 + Math.floor(60 * next()), 1 + Math.floor(60 * next())] as const;
    expect(rows(upscaledAbove(plane, ...size, threshold))).toEqual(upscaledSlowly(plane, ...size, threshold));
  }
});

/** Step 3 as a sentence says it, by flooding from each px: slow and plain. */
function filledSlowly({ data, width, height }: Mask): string[] {
  const out = data.slice();
  const inside = data.reduce((sum, px) => sum + px, 0);
  const seen = new Set<number>();
  for (let start = 0; start < data.length; start++) {
    if (data[start] || seen.has(start)) continue;
    const piece = [start];
    seen.add(start);
    let open = false;
    for (const px of piece) {
      const [x, y] = [px % width, Math.floor(px / width)];
      open ||= x === 0 || y === 0 || x === width - 1 || y === height - 1;
      for (const [nx, ny] of [
        [x - 1, y],
        [x + 1, y],
        [x, y - 1],
        [x, y + 1],
      ] as const) {
        const next = ny * width + nx;
        if (nx < 0 || ny < 0 || nx >= width || ny >= height || data[next] || seen.has(next)) continue;
        seen.add(next);
        piece.push(next);
      }
    }
    if (!open && piece.length <= 0.005 * inside) for (const px of piece) out[px] = 1;
  }
  return rows({ data: out, width, height });
}

describe("holes in 60 random masks", () => {
  const next = random(11);
  for (let round = 0; round < 60; round++) {
    const [width, height] = [20 + Math.floor(next() * 40), 20 + Math.floor(next() * 40)];
    const share = 0.55 + 0.44 * next();
    const mask = {
      data: Uint8Array.from({ length: width * height }, () => (next() < share ? 1 : 0)),
      width,
      height,
    };
    test(`${width} x ${height}, ${Math.round(share * 100)} % inside`, () => {
      const expected = filledSlowly(mask);
      expect(rows(fillHoles(mask))).toEqual(expected);
    });
  }
});

test("a mask of nothing stays one", () => {
  expect(rows(fillHoles(maskOfRows(["...", "...", "..."])))).toEqual(["...", "...", "..."]);
});
