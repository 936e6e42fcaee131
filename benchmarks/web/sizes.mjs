// Prints what a browser fetches of the built page (frontend/dist), by chunk: as it is, by gzip, and in the Brotli form
// that is sent.
// `node benchmarks/web/sizes.mjs` after `npm run build`; also writes out/bench/web-sizes.json.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const ROOT = resolve(import.meta.dirname, "../..");
const DIST = join(ROOT, "frontend/dist");
const SHOWN = /\.(js|css|html|wasm)$/;
const LEAST = 1000; // bytes: smaller ones are summed up

const sizes = readdirSync(DIST, { recursive: true, encoding: "utf8" })
  .filter((name) => SHOWN.test(name))
  .map((name) => {
    const content = readFileSync(join(DIST, name));
    const compressed = join(DIST, `${name}.br`);
    const gzip = gzipSync(content, { level: 9 }).length;
    // What has none is compressed by CloudFront, much like this.
    return { name, bytes: content.length, gzip, brotli: existsSync(compressed) ? statSync(compressed).size : gzip };
  })
  .sort((a, b) => b.gzip - a.gzip);

/** What index.html asks for before anything is clicked: its own scripts and styles, and what those import. */
function firstLoad() {
  const asked = new Set();
  const ask = (name) => {
    const path = sizes.find((it) => basename(it.name) === basename(name))?.name;
    if (!path || asked.has(path)) return;
    asked.add(path);
    if (!path.endsWith(".js")) return;
    const code = readFileSync(join(DIST, path), "utf8");
    for (const [, imported] of code.matchAll(/\bimport\s*(?:[\w${},*\s]+from\s*)?["'](\.[^"']+)["']/g))
      ask(imported);
  };
  const page = readFileSync(join(DIST, "index.html"), "utf8");
  for (const [, name] of page.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)) ask(name);
  return sizes.filter(({ name }) => asked.has(name));
}

const kilo = (bytes) => `${(bytes / 1000).toFixed(1).padStart(9)}`;
const line = (name, { bytes, gzip, brotli }) =>
  console.log(`${name.padEnd(44)}${kilo(bytes)}${kilo(gzip)}${kilo(brotli)}`);
const sum = (all) =>
  all.reduce((a, b) => ({ bytes: a.bytes + b.bytes, gzip: a.gzip + b.gzip, brotli: a.brotli + b.brotli }), {
    bytes: 0,
    gzip: 0,
    brotli: 0,
  });

console.log(`${"kB".padEnd(44)}    as is     gzip   brotli`);
for (const size of sizes.filter(({ gzip }) => gzip >= LEAST)) line(size.name, size);
const small = sizes.filter(({ gzip }) => gzip < LEAST);
line(`${small.length} smaller ones`, sum(small));
const first = firstLoad();
line("first load, JavaScript", sum(first.filter(({ name }) => name.endsWith(".js"))));
line("first load, all", sum(first));

mkdirSync(join(ROOT, "out/bench"), { recursive: true });
const result = { first_load: { all: sum(first), files: first.map(({ name }) => name) }, files: sizes };
writeFileSync(join(ROOT, "out/bench/web-sizes.json"), `${JSON.stringify(result, null, 2)}\n`);
