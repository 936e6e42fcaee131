import { expect, test } from "vitest";

import { gpuIsFaster } from "../../../src/select/faster";

const CLICK = { points: [{ x: 1, y: 1, inside: true }] };

/** Takes so long for a decoding, and finds these logits; counts what is released. */
function maker(ms: number, logits: number[]) {
  const made = { released: 0 };
  const decoder = {
    decode: async () => {
      await new Promise((done) => setTimeout(done, ms));
      const data = Float32Array.from(logits);
      return { candidates: [{ data, width: data.length, height: 1 }], scores: [1] };
    },
    release: () => Promise.resolve(void made.released++),
  };
  return Object.assign(() => Promise.resolve(decoder), { made });
}

const SLOW = 30; // ms; the other takes next to none

test.each([
  { card: "faster and right", gpu: maker(0, [1, -1]), cpu: maker(SLOW, [2, -3]), faster: true },
  { card: "slower", gpu: maker(SLOW, [1, -1]), cpu: maker(0, [1, -1]), faster: false },
  { card: "faster and wrong", gpu: maker(0, [1, 1]), cpu: maker(SLOW, [1, -1]), faster: false },
])("a graphics card that is $card", async ({ gpu, cpu, faster }) => {
  expect(await gpuIsFaster(CLICK, gpu, cpu)).toBe(faster);
  expect([gpu.made.released, cpu.made.released]).toEqual([1, 1]);
});

test("a graphics card that fails", async () => {
  const broken = () => Promise.reject(new Error("no adapter"));
  expect(await gpuIsFaster(CLICK, broken, maker(0, [1]))).toBe(false);
});
