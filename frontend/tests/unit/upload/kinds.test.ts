import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { kindOf } from "../../../src/upload/kinds";

const scene = (name: string) =>
  readFileSync(new URL(`../../../../local/gen3d_local/demo_scene/${name}`, import.meta.url));
const ascii = (text: string) => Uint8Array.from(text, (it) => it.charCodeAt(0));

test("real files are known by their content", () => {
  expect(kindOf(scene("photo.jpg"))).toBe("jpeg");
  expect(kindOf(scene("mask.png"))).toBe("png");
});

test.each([
  ["RIFF\x10\0\0\0WEBPVP8 ", "webp"],
  ["RIFF\x10\0\0\0WAVEfmt ", "other"],
  ["\0\0\0\x18ftypheic\0\0\0\0", "heic"],
  ["\0\0\0\x18ftypmif1\0\0\0\0", "heic"],
  ["\0\0\0\x18ftypavif\0\0\0\0", "other"],
  ["GIF89a", "other"],
  ["%PDF-1.7", "other"],
  ["", "other"],
  ["\x89PNG", "other"],
])("%j is %s", (head, kind) => {
  expect(kindOf(ascii(head))).toBe(kind);
});
