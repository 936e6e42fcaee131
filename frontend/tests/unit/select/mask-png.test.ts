import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { maskPng } from "../../../src/select/mask-png";

async function bytes(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

function random(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (state * 1103515245 + 12345) >>> 0;
    return (state >>> 16) & 1;
  });
}

/** The samples of a PNG that maskPng wrote, after the filter is undone. */
function samples(png: Uint8Array): { width: number; height: number; pixels: Uint8Array } {
  const view = new DataView(png.buffer, png.byteOffset);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const length = view.getUint32(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      pixels[y * width + x] =
        (rows[y * (width + 1) + 1 + x] ?? 0) + (y > 0 ? (pixels[(y - 1) * width + x] ?? 0) : 0);
  return { width, height, pixels };
}

test.each([
  [1, 1],
  [7, 3],
  [64, 1],
  [1, 64],
  [301, 217],
])("a mask of %i x %i comes back as 0 and 255", async (width, height) => {
  const inside = random(width * height, width);
  const back = samples(await bytes(await maskPng(inside, width, height)));
  expect([back.width, back.height]).toEqual([width, height]);
  expect(back.pixels).toEqual(inside.map((value) => value * 255));
});

test("every value but 0 is inside", async () => {
  const back = samples(await bytes(await maskPng(Uint8Array.of(0, 1, 2, 255), 4, 1)));
  expect([...back.pixels]).toEqual([0, 255, 255, 255]);
});

test("a mask of another size than it says is refused", async () => {
  await expect(maskPng(new Uint8Array(11), 4, 3)).rejects.toThrow(RangeError);
  await expect(maskPng(new Uint8Array(0), 0, 3)).rejects.toThrow(RangeError);
});

test("a plain shape of 12 megapixels takes little", async () => {
  const [width, height] = [4000, 3000];
  const inside = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) inside[y * width + x] = Number((x - 2000) ** 2 + (y - 1500) ** 2 < 1e6);
  expect((await maskPng(inside, width, height)).size).toBeLessThan(60_000);
});

test("the service takes it as it is", async () => {
  const [width, height] = [97, 81];
  const inside = Uint8Array.from({ length: width * height }, (_, i) =>
    Number(((i % width) - 40) ** 2 + (Math.floor(i / width) - 45) ** 2 < 900),
  );
  const folder = mkdtempSync(join(tmpdir(), "gen3d-mask-"));
  try {
    writeFileSync(join(folder, "mask.png"), await bytes(await maskPng(inside, width, height)));
    const program = [
      "import io, sys, PIL.Image",
      "from gen3d_upload.mask import check_mask",
      `checked = check_mask(open(sys.argv[1], "rb").read(), ${width}, ${height})`,
      "sys.stdout.buffer.write(PIL.Image.open(io.BytesIO(checked.png)).tobytes())",
    ].join("\n");
    const python = join(import.meta.dirname, "../../../../.venv/bin/python");
    const read = execFileSync(python, ["-c", program, join(folder, "mask.png")]);
    expect(new Uint8Array(read)).toEqual(inside.map((value) => value * 255));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
