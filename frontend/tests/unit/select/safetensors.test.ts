import { describe, expect, test } from "vitest";

import { DecoderFailure } from "../../../src/select/failure";
import { checkTensors, parseManifest } from "../../../src/select/manifest";
import { readSafetensors } from "../../../src/select/safetensors";

function file(header: unknown, data: Uint8Array, pad = 0): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header) + " ".repeat(pad));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes.buffer;
}

const floats = new Uint8Array(Float32Array.of(1.5, -2, 0.25).buffer);

test.each([0, 1, 2, 3, 4, 5, 6, 7])("data may begin anywhere: after %i more bytes", (pad) => {
  const header = {
    __metadata__: { made: "here" },
    a: { dtype: "F32", shape: [3], data_offsets: [1, 13] },
    b: { dtype: "U8", shape: [1, 1], data_offsets: [0, 1] },
    half: { dtype: "F16", shape: [2], data_offsets: [13, 17] },
  };
  const data = Uint8Array.of(7, ...floats, 0x00, 0x3c, 0x00, 0xc0);
  const [a, b, half] = readSafetensors(file(header, data, pad));
  expect(a).toMatchObject({ name: "a", dtype: "float32", shape: [3] });
  expect([...(a?.data ?? [])]).toEqual([1.5, -2, 0.25]);
  expect([...(b?.data ?? [])]).toEqual([7]);
  expect([...(half?.data ?? [])]).toEqual([0x3c00, 0xc000]);
});

const entry = { dtype: "F32", shape: [3], data_offsets: [0, 12] };
test.each([
  ["nothing", new ArrayBuffer(0)],
  ["a header longer than the file", file({}, new Uint8Array()).slice(0, 9)],
  ["a header that is no JSON", file({}, floats).slice(0, 8 + 1)],
  ["an unknown type", file({ a: { ...entry, dtype: "F8" } }, floats)],
  ["a shape of another length", file({ a: { ...entry, shape: [4] } }, floats)],
  ["a negative shape", file({ a: { ...entry, shape: [-3] } }, floats)],
  ["data beyond the end", file({ a: entry }, floats.subarray(0, 11))],
  ["a tensor that is null", file({ a: null }, floats)],
])("damaged: %s", (_, damaged) => {
  expect(() => readSafetensors(damaged)).toThrow(DecoderFailure);
});

const sha = "a".repeat(64);
const MANIFEST = {
  schema_version: "1.0",
  engine: { name: "classical", version: "1.0", weight_free: true },
  photo_width: 4,
  photo_height: 3,
  input_width: 4,
  input_height: 3,
  mask_width: 4,
  mask_height: 3,
  mask_threshold: 0,
  preprocessing: "none",
  embedding_sha256: sha,
  tensors: [{ name: "a", shape: [3], dtype: "float32" }],
  decoder: [{ role: "decode", key: `decoders/${sha}.onnx`, sha256: sha, bytes: 9 }],
};

describe("the manifest", () => {
  const parsed = parseManifest(JSON.stringify(MANIFEST));

  test("is taken as it is", () => expect(parsed).toEqual(MANIFEST));

  test.each([
    ["schema_version", "2.0"],
    ["photo_width", 0],
    ["mask_height", "3"],
    ["mask_threshold", null],
    ["embedding_sha256", "abc"],
    ["tensors", null],
    ["decoder", []],
    ["decoder", [...MANIFEST.decoder, ...MANIFEST.decoder]],
    ["decoder", [...MANIFEST.decoder, { ...MANIFEST.decoder[0], role: "train" }]],
  ])("is refused with %s = %j", (name, value) => {
    expect(() => parseManifest(JSON.stringify({ ...MANIFEST, [name]: value }))).toThrow(DecoderFailure);
  });

  test("is refused if it is no JSON, or none at all", () => {
    expect(() => parseManifest("{")).toThrow(DecoderFailure);
    expect(() => parseManifest("null")).toThrow(DecoderFailure);
  });

  test("names the tensors that are there", () => {
    const [tensor] = readSafetensors(file({ a: entry }, floats));
    expect(() => checkTensors(parsed, [tensor!])).not.toThrow();
    expect(() => checkTensors(parsed, [])).toThrow(DecoderFailure);
    expect(() => checkTensors(parsed, [{ ...tensor!, shape: [1, 3] }])).toThrow(DecoderFailure);
    expect(() => checkTensors(parsed, [tensor!, { ...tensor!, name: "b" }])).toThrow(DecoderFailure);
  });
});
