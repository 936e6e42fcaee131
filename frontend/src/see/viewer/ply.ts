// Reads the places and colours of Gaussians from their PLY, for the view as points. Pure.

export interface Points {
  /** x, y, z of each, in the file's frame. */
  positions: Float32Array<ArrayBuffer>;
  /** Linear r, g, b of each, 0 to 1. */
  colours: Float32Array<ArrayBuffer>;
  count: number;
}

/** A file that is no PLY of Gaussians. */
export class PlyInvalid extends Error {}

const SH_C0 = 0.28209479177387814; // colour = 0.5 + SH_C0 * f_dc
const LONGEST_HEADER = 64 * 1024;
const FARTHEST = 1e6; // beyond, a float has no meaning left in a scene of one unit
const FAINT = Math.log(0.1 / 0.9); // the logit of an opacity of 0.1: fainter Gaussians are haze, not points

type Reader = (view: DataView, at: number) => number;

const TYPES = new Map<string, readonly [bytes: number, read: Reader]>([
  ["char", [1, (view, at) => view.getInt8(at)]],
  ["uchar", [1, (view, at) => view.getUint8(at)]],
  ["short", [2, (view, at) => view.getInt16(at, true)]],
  ["ushort", [2, (view, at) => view.getUint16(at, true)]],
  ["int", [4, (view, at) => view.getInt32(at, true)]],
  ["uint", [4, (view, at) => view.getUint32(at, true)]],
  ["float", [4, (view, at) => view.getFloat32(at, true)]],
  ["double", [8, (view, at) => view.getFloat64(at, true)]],
]);
const ALIASES = new Map([
  ["int8", "char"],
  ["uint8", "uchar"],
  ["int16", "short"],
  ["uint16", "ushort"],
  ["int32", "int"],
  ["uint32", "uint"],
  ["float32", "float"],
  ["float64", "double"],
]);

interface Header {
  count: number;
  stride: number;
  start: number;
  fields: Map<string, { at: number; read: Reader }>;
}

/** Points that are not finite or hardly opaque are left out. Throws PlyInvalid. */
export function readPoints(data: ArrayBuffer): Points {
  const { count, stride, start, fields } = readHeader(data);
  const view = new DataView(data);
  const reads = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2"].map((name) => {
    const field = fields.get(name);
    if (!field) throw new PlyInvalid(`It has no ${name}.`);
    return field;
  });
  const opacity = fields.get("opacity");
  const positions = new Float32Array(3 * count);
  const colours = new Float32Array(3 * count);
  const values = new Float64Array(6);
  let kept = 0;
  for (let i = 0, row = start; i < count; i++, row += stride) {
    reads.forEach(({ at, read }, j) => (values[j] = read(view, row + at)));
    // A NaN fails every comparison, so it is tested for by one that does not let it in.
    const opaque = !opacity || opacity.read(view, row + opacity.at) >= FAINT;
    if (!opaque || !values.every((value) => Math.abs(value) < FARTHEST)) continue;
    for (let j = 0; j < 3; j++) {
      positions[3 * kept + j] = values[j] ?? 0;
      colours[3 * kept + j] = linear(0.5 + SH_C0 * (values[3 + j] ?? 0));
    }
    kept++;
  }
  return { positions: positions.slice(0, 3 * kept), colours: colours.slice(0, 3 * kept), count: kept };
}

function readHeader(data: ArrayBuffer): Header {
  // Of latin1 every byte is one character, so places in the text are places in the file.
  const text = new TextDecoder("latin1").decode(data.slice(0, LONGEST_HEADER));
  const end = /\nend_header\r?\n/.exec(text);
  if (!/^ply\r?\n/.test(text) || !end) throw new PlyInvalid("It does not begin as a PLY file.");
  const lines = text
    .slice(0, end.index)
    .split("\n")
    .map((line) => line.trim());
  if (!lines.includes("format binary_little_endian 1.0"))
    throw new PlyInvalid("It is not binary, little-endian.");
  const [first = -1, second] = lines.flatMap((line, i) => (line.startsWith("element ") ? [i] : []));
  const said = /^element vertex (\d{1,9})$/.exec(lines[first] ?? "");
  if (!said) throw new PlyInvalid("Its first element is not vertex.");
  const count = Number(said[1]);
  const fields: Header["fields"] = new Map();
  let stride = 0;
  for (const line of lines.slice(first + 1, second)) {
    const [keyword, type = "", name = ""] = line.split(/\s+/);
    if (keyword !== "property") continue;
    const known = TYPES.get(ALIASES.get(type) ?? type);
    if (!known || fields.has(name)) throw new PlyInvalid(`It has an odd property: ${type} ${name}.`);
    fields.set(name, { at: stride, read: known[1] });
    stride += known[0];
  }
  const start = end.index + end[0].length;
  if (start + count * stride > data.byteLength)
    throw new PlyInvalid(`It is too short for its ${count} points.`);
  return { count, stride, start, fields };
}

/** sRGB to linear light, as three.js wants colours at vertices. */
function linear(value: number): number {
  const s = Math.min(Math.max(value, 0), 1);
  return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
}
