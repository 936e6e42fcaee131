import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(css|html|js|json|mjs|svg|txt|wasm)$/;
/** Larger files, ONNX Runtime's WebAssembly, take a minute and a half at 11, and 6 s at 9, which leaves 14 % more. */
const LARGE = 4_000_000; // bytes

/** Writes `NAME.br` beside each file in assets/ that becomes smaller by it: once a build, not once a visitor. */
export function brotli(): Plugin {
  return {
    name: "brotli",
    // The page's own build: what tests build has a root elsewhere.
    apply: ({ root }, { command }) => command === "build" && !root,
    async writeBundle({ dir = "" }) {
      const assets = join(dir, "assets");
      const names = (await readdir(assets)).filter((name) => COMPRESSIBLE.test(name));
      await Promise.all(names.map((name) => compressed(join(assets, name))));
    },
  };
}

async function compressed(path: string): Promise<void> {
  const content = await readFile(path);
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = {
    [BROTLI_PARAM_QUALITY]: content.length > LARGE ? 9 : 11,
    [BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  const smaller = await promisify(brotliCompress)(content, { params });
  if (smaller.length < content.length) await writeFile(`${path}.br`, smaller);
}
