// A mask as PNG: 8-bit greyscale, 0 outside and 255 inside, exactly. A canvas would give RGBA, four times as much to
// compress, and may be read back with noise where a browser guards against fingerprinting.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREYSCALE = 0;
const UP = 2; // the filter that stores a row's difference to the one above: masks hardly change from row to row

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** inside: a byte a pixel, row by row from the top left; not 0 is inside. */
export async function maskPng(inside: Uint8Array, width: number, height: number): Promise<Blob> {
  if (width < 1 || height < 1 || inside.length !== width * height)
    throw new RangeError(`${inside.length} pixels are no mask of ${width} x ${height}.`);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits a sample
  header.setUint8(9, GREYSCALE);
  const rows = await deflated(filtered(inside, width, height));
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", rows),
    chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts, { type: "image/png" });
}

function filtered(inside: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array((width + 1) * height);
  let at = 0;
  for (let y = 0; y < height; y++) {
    rows[at++] = UP;
    for (let x = 0, i = y * width; x < width; x++, i++) {
      const above = y > 0 && inside[i - width] ? 255 : 0;
      rows[at++] = (inside[i] ? 255 : 0) - above;
    }
  }
  return rows;
}

async function deflated(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function crc(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of data) c = (CRC_TABLE[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
