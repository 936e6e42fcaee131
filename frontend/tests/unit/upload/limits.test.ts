import { expect, test } from "vitest";

import { MAX_BYTES, MAX_SIDE, REDUCED_SIDE, sentSize } from "../../../src/upload/limits";

test("a photo within the limits stays as it is", () => {
  expect(sentSize(MAX_SIDE, 3000, MAX_BYTES)).toEqual({ width: MAX_SIDE, height: 3000 });
});

test("one with too many pixels is made smaller in its own proportions", () => {
  expect(sentSize(12000, 9000, 1)).toEqual({ width: REDUCED_SIDE, height: 3072 });
  expect(sentSize(9000, 12000, 1)).toEqual({ width: 3072, height: REDUCED_SIDE });
});

test("one with too many bytes is made smaller, but never larger", () => {
  expect(sentSize(8000, 6000, MAX_BYTES + 1)).toEqual({ width: REDUCED_SIDE, height: 3072 });
  expect(sentSize(2000, 1500, MAX_BYTES + 1)).toEqual({ width: 2000, height: 1500 });
});
