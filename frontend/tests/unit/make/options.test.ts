import { expect, test } from "vitest";
import { boundsOf } from "../../../src/make/cut-out";
import { DEFAULT, remember, remembered, seedOf } from "../../../src/make/options";

function store(initial: string | null = null) {
  let held = initial;
  return {
    getItem: () => held,
    setItem: (_: string, value: string) => {
      held = value;
    },
  };
}

test("the last choice is remembered, but for its seed", () => {
  const held = store();
  const chosen = { quality: "high", formats: ["glb", "stl"], texture: null, seed: 7 } as const;
  remember({ ...chosen, formats: [...chosen.formats] }, held);
  expect(remembered(held)).toEqual({ ...chosen, seed: DEFAULT.seed });
});

test.each([
  null,
  "",
  "{",
  "null",
  "3",
  "[]",
  '{"quality":"best","formats":["fbx"],"texture":77}',
  '{"formats":"glb"}',
])("what is stored as %j gives the usual options", (held) => {
  expect(remembered(store(held))).toEqual(DEFAULT);
});

test("without any storage the options are the usual ones, and nothing breaks", () => {
  const forbidden = () => {
    throw new DOMException("denied", "SecurityError");
  };
  expect(remembered({ getItem: forbidden })).toEqual(DEFAULT);
  expect(() => remember(DEFAULT, { setItem: forbidden })).not.toThrow();
});

test.each([
  ["0", 0],
  [" 42 ", 42],
  ["2147483647", 2147483647],
  ["2147483648", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["1e3", undefined],
  ["", undefined],
])("the seed %j is %s", (text, seed) => {
  expect(seedOf(text)).toBe(seed);
});

test("a mask's bounds are the smallest rectangle around it", () => {
  const mask = new Uint8Array(6 * 4);
  mask[1 * 6 + 2] = 1;
  mask[3 * 6 + 4] = 1;
  expect(boundsOf(mask, 6, 4)).toEqual({ x: 2, y: 1, width: 3, height: 3 });
  expect(boundsOf(new Uint8Array(24), 6, 4)).toBeUndefined();
});
