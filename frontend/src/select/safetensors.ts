/** Reads a safetensors file: 8 bytes of length, a JSON header, then the tensors' data. */
import { corrupt } from "./failure";

const TYPES = {
  F32: ["float32", Float32Array],
  F16: ["float16", Uint16Array], // as bits: not every browser has Float16Array, and ONNX Runtime takes both
  I64: ["int64", BigInt64Array],
  I32: ["int32", Int32Array],
  U8: ["uint8", Uint8Array],
} as const;

export type TensorData =
  | Float32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

export interface NamedTensor {
  name: string;
  dtype: (typeof TYPES)[keyof typeof TYPES][0];
  shape: number[];
  data: TensorData;
}

export function readSafetensors(file: ArrayBuffer): NamedTensor[] {
  if (file.byteLength < 8) throw corrupt("It is too short.");
  const length = Number(new DataView(file).getBigUint64(0, true));
  const begin = 8 + length;
  if (begin > file.byteLength) throw corrupt("Its header is cut off.");
  return Object.entries(header(file, length))
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => tensor(file, begin, name, entry));
}

function header(file: ArrayBuffer, length: number): Record<string, unknown> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(file, 8, length));
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // said below
  }
  throw corrupt("Its header is not JSON.");
}

function tensor(file: ArrayBuffer, begin: number, name: string, entry: unknown): NamedTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !(dtype in TYPES) || !isCounts(shape) || !isCounts(offsets))
    throw corrupt(`Its tensor ${name} is described in a way unknown here.`);
  const [type, Data] = TYPES[dtype as keyof typeof TYPES];
  const count = shape.reduce((product, side) => product * side, 1);
  const [from = 0, to = 0] = offsets;
  if (offsets.length !== 2 || to - from !== count * Data.BYTES_PER_ELEMENT || begin + to > file.byteLength)
    throw corrupt(`Its tensor ${name} is cut off.`);
  // The format aligns nothing, typed arrays must be aligned: then the bytes are copied.
  const at = begin + from;
  const data =
    at % Data.BYTES_PER_ELEMENT === 0 ? new Data(file, at, count) : new Data(file.slice(at, begin + to));
  return { name, dtype: type, shape, data };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((it) => Number.isSafeInteger(it) && it >= 0);
}
