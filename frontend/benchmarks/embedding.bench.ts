/** An embedding of SAM 3's shapes, random values: fetched from this computer and read, as it is served and as base64. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "@playwright/test";
import { createServer } from "vite";

import type { Took } from "./embedding/main";
import { percentile, tell, tenths } from "./figures";

const SHAPES: Readonly<Record<string, readonly number[]>> = {
  image_embed: [1, 256, 72, 72],
  high_res_0: [1, 32, 288, 288],
  high_res_1: [1, 64, 144, 144],
};
const TIMES = 7;

test("an embedding's way into the page", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "gen3d-embedding-"));
  const values = write(folder);
  const server = await createServer({
    root: join(import.meta.dirname, "embedding"),
    configFile: false,
    publicDir: folder,
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0 },
  });
  await server.listen();
  try {
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    await page.waitForFunction(() => "json" in window);
    const binary: Took[] = [];
    const json: Took[] = [];
    for (let i = 0; i < TIMES; i++) {
      binary.push(await page.evaluate(() => window.safetensors("/embedding.safetensors")));
      json.push(await page.evaluate(() => window.json("/embedding.json")));
    }
    for (const took of [...binary, ...json]) expect(took.values).toBe(values);
    tell("embedding", "An embedding of SAM 3's size, ms (p50)", [
      { form: "safetensors, fp16", ...row(folder, "embedding.safetensors", binary) },
      { form: "base64 in JSON, fp32", ...row(folder, "embedding.json", json) },
    ]);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
});

function row(folder: string, file: string, times: readonly Took[]) {
  const middle = (part: "fetchMs" | "parseMs") =>
    tenths(
      percentile(
        times.map((took) => took[part]),
        0.5,
      ),
    );
  return {
    MB: tenths(statSync(join(folder, file)).size / 1e6),
    fetch: middle("fetchMs"),
    parse: middle("parseMs"),
  };
}

/** Both files, with as many values. Returns how many. */
function write(folder: string): number {
  const header: Record<string, object> = {};
  const json: Record<string, string> = {};
  let at = 0;
  for (const [name, shape] of Object.entries(SHAPES)) {
    const count = shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype: "F16", shape, data_offsets: [at, at + 2 * count] };
    at += 2 * count;
    json[name] = Buffer.from(Float32Array.from({ length: count }, Math.random).buffer).toString("base64");
  }
  const told = JSON.stringify(header);
  const text = Buffer.from(told.padEnd(Math.ceil(told.length / 8) * 8)); // as the library pads it
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const data = Buffer.from(Uint16Array.from({ length: at / 2 }, () => Math.random() * 0x7000).buffer);
  writeFileSync(join(folder, "embedding.safetensors"), Buffer.concat([length, text, data]));
  writeFileSync(join(folder, "embedding.json"), JSON.stringify(json));
  return at / 2;
}
