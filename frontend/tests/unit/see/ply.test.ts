import { expect, test } from "vitest";
import { PlyInvalid, readPoints } from "../../../src/see/viewer/ply";

const SPLAT = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"];
const OPAQUE = 5;
const C0 = 0.28209479177387814;

function ply(rows: number[][], header?: string): ArrayBuffer {
  const head =
    header ??
    `ply\nformat binary_little_endian 1.0\nelement vertex ${rows.length}\n` +
      SPLAT.map((name) => `property float ${name}\n`).join("") +
      "end_header\n";
  return joined(head, new Float32Array(rows.flat()).buffer);
}

function joined(head: string, body: ArrayBuffer): ArrayBuffer {
  const bytes = new Uint8Array(head.length + body.byteLength);
  bytes.set(new TextEncoder().encode(head));
  bytes.set(new Uint8Array(body), head.length);
  return bytes.buffer;
}

test("places are kept, colours become linear light", () => {
  const half = (0.735357 - 0.5) / C0; // sRGB of linear 0.5
  const points = readPoints(ply([[1, 2, 3, half, -9, 9, OPAQUE]]));
  expect(points.count).toBe(1);
  expect([...points.positions]).toEqual([1, 2, 3]);
  expect(points.colours[0]).toBeCloseTo(0.5, 4);
  expect([...points.colours.slice(1)]).toEqual([0, 1]);
});

test("properties are found by name, whatever their order, type and company", () => {
  const head =
    "ply\r\nformat binary_little_endian 1.0\r\ncomment element face 9\r\nelement vertex 2\r\n" +
    "property uchar flag\r\nproperty double z\r\nproperty float f_dc_2\r\nproperty float f_dc_1\r\n" +
    "property float f_dc_0\r\nproperty float y\r\nproperty short x\r\n" +
    "element face 1\r\nproperty list uchar int vertex_indices\r\nend_header\r\n";
  const view = new DataView(new ArrayBuffer(2 * 27 + 13));
  [4, 5].forEach((x, i) => {
    const at = 27 * i;
    view.setFloat64(at + 1, 3, true);
    view.setFloat32(at + 21, 2, true);
    view.setInt16(at + 25, x, true);
  });
  expect([...readPoints(joined(head, view.buffer)).positions]).toEqual([4, 2, 3, 5, 2, 3]);
});

test("what is not finite, far away or faint is left out", () => {
  const good = [0, 0, 0, 0, 0, 0, OPAQUE];
  const bad = [
    good.with(0, Number.NaN),
    good.with(1, Number.POSITIVE_INFINITY),
    good.with(4, Number.NaN),
    good.with(2, 1e30),
    good.with(6, -4),
    good.with(6, Number.NaN),
  ];
  expect(readPoints(ply([...bad, good, ...bad])).count).toBe(1);
});

test("a file of no points is read", () => {
  expect(readPoints(ply([])).count).toBe(0);
});

const HEAD = "ply\nformat binary_little_endian 1.0\n";
const FIELDS = SPLAT.map((name) => `property float ${name}\n`).join("");

test.each([
  ["nothing", ""],
  ["another format", "<html></html>"],
  ["no end of its header", `${HEAD}element vertex 1\n${FIELDS}`],
  [
    "a header longer than any",
    `${HEAD}comment ${"x".repeat(70_000)}\nelement vertex 0\n${FIELDS}end_header\n`,
  ],
  ["text instead of binary", `ply\nformat ascii 1.0\nelement vertex 0\n${FIELDS}end_header\n`],
  ["big-endian", `ply\nformat binary_big_endian 1.0\nelement vertex 0\n${FIELDS}end_header\n`],
  ["no vertices", `${HEAD}element face 1\n${FIELDS}end_header\n`],
  ["a negative count", `${HEAD}element vertex -1\n${FIELDS}end_header\n`],
  ["a count that is not one", `${HEAD}element vertex 1e3\n${FIELDS}end_header\n`],
  ["more points than bytes", `${HEAD}element vertex 999999999\n${FIELDS}end_header\n`],
  ["a count past every integer", `${HEAD}element vertex 99999999999999999999\n${FIELDS}end_header\n`],
  ["a list in its points", `${HEAD}element vertex 0\nproperty list uchar int i\n${FIELDS}end_header\n`],
  ["a type named like an object's own", `${HEAD}element vertex 0\nproperty constructor x\nend_header\n`],
  ["a property twice", `${HEAD}element vertex 0\n${FIELDS}property float x\nend_header\n`],
  [
    "no colours",
    `${HEAD}element vertex 0\nproperty float x\nproperty float y\nproperty float z\nend_header\n`,
  ],
])("a file with %s is refused", (_, head) => {
  expect(() => readPoints(joined(head, new ArrayBuffer(0)))).toThrow(PlyInvalid);
});

test("a file cut anywhere is refused or read, never misread", () => {
  const whole = new Uint8Array(ply(Array.from({ length: 3 }, () => [1, 2, 3, 0, 0, 0, OPAQUE])));
  for (let length = 0; length < whole.length; length++)
    expect(() => readPoints(whole.slice(0, length).buffer)).toThrow(PlyInvalid);
});
