import { expect, test } from "vitest";

import { applyEdits, type Stroke } from "../../../src/select/edits";
import { emptyMask, type Mask } from "../../../src/select/masks";
import { rows } from "./helpers";

const stroke = (path: number[], radius: number, erase = false): Stroke => ({
  kind: "stroke",
  erase,
  radius,
  path,
});

const area = ({ data }: Mask) => data.reduce((sum, px) => sum + px, 0);

test("a dab is a disc", () => {
  expect(rows(applyEdits(emptyMask(5, 5), [stroke([2.5, 2.5], 1.2)]))).toEqual([
    ".....",
    "..#..",
    ".###.",
    "..#..",
    ".....",
  ]);
});

test("a stroke joins its places, also beyond the border", () => {
  expect(rows(applyEdits(emptyMask(6, 3), [stroke([-5, 1.5, 3.5, 1.5], 0.6)]))).toEqual([
    "......",
    "####..",
    "......",
  ]);
});

test("the eraser takes away what the brush gave", () => {
  const path = [3, 3, 20, 17, 9, 4];
  expect(area(applyEdits(emptyMask(24, 24), [stroke(path, 3), stroke(path, 3, true)]))).toBe(0);
});

test("inverting twice changes nothing, and edits count in their order", () => {
  const edits = [stroke([4, 4], 3)];
  const painted = rows(applyEdits(emptyMask(12, 12), edits));
  expect(rows(applyEdits(emptyMask(12, 12), [...edits, { kind: "invert" }, { kind: "invert" }]))).toEqual(
    painted,
  );
  expect(area(applyEdits(emptyMask(12, 12), [{ kind: "invert" }, ...edits]))).toBe(144);
});

test("at another scale it is the same stroke", () => {
  const whole = area(applyEdits(emptyMask(400, 400), [stroke([100, 100, 300, 250], 30)]));
  const half = area(applyEdits(emptyMask(200, 200), [stroke([100, 100, 300, 250], 30)], 0.5));
  expect(half * 4).toBeGreaterThan(whole * 0.98);
  expect(half * 4).toBeLessThan(whole * 1.02);
});
