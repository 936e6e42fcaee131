// Builds the page of step 5, lets the meshing service make a model for it, and serves both as the site is served.
import { execFile, execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import type { JobView, SessionView } from "../../../src/api/types";

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, "../../../..");
const PYTHON = join(ROOT, ".venv/bin/python");
const GAUSSIANS = 12_000; // software draws no more in a reasonable time
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".webp": "image/webp",
  ".wasm": "application/wasm",
};

export interface Workbench {
  url: string;
  close: () => void;
}

/** The model is a mug of so many Gaussians in an oblique pose. */
export async function workbench(gaussians = GAUSSIANS): Promise<Workbench> {
  const folder = mkdtempSync(join(tmpdir(), "gen3d-see-"));
  const [site, made] = [join(folder, "site"), join(folder, "made")];
  mkdirSync(made);
  const built = build({
    root: join(HERE, "page"),
    configFile: join(HERE, "../../../vite.config.ts"),
    build: { outDir: site, emptyOutDir: true, sourcemap: false },
    logLevel: "warn",
  });
  await Promise.all([built, makeModel(made, gaussians)]);
  const server = serve({ site, made });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function makeModel(folder: string, gaussians: number): Promise<void> {
  const run = promisify(execFile);
  const environment = { ...process.env, PYTHONPATH: ROOT };
  const file = join(folder, "splat.ply");
  const program = [
    "import sys; from benchmarks.splat_shapes import Kind, ply, shape, splat_rows",
    `rows = splat_rows(shape("mug", 3), Kind.FLAT, ${gaussians}, 3)`,
    'open(sys.argv[1], "wb").write(ply(rows))',
  ].join("\n");
  await run(PYTHON, ["-c", program, file], { env: environment });
  const options = ["--formats", "glb,obj,ply,stl,usdz,splat", "--texture", "512"];
  await run(PYTHON, ["-m", "gen3d_meshing", file, "--out", folder, ...options]);
  for (const name of ["photo.jpg", "mask.png"])
    copyFileSync(join(ROOT, "local/gen3d_local/demo_scene", name), join(folder, name));
  writeFileSync(join(folder, "views.json"), JSON.stringify(views(folder)));
}

function views(folder: string): { session: SessionView; job: JobView } {
  const sizes = readdirSync(folder).map((name) => [name, statSync(join(folder, name)).size] as const);
  const files = sizes.filter(([name]) => name !== "photo.jpg");
  const created = "2026-11-20T12:01:31Z";
  const id = { session_id: "ses_01M7WD7TG07YM5YS2Q2X2V7Z1C", created_at: created, stages: {}, events: {} };
  const job: JobView = {
    ...id,
    job_id: "job_01M7WDAJCGJRZPDBX6VRBCH9XH",
    state: "completed",
    name: "Blue mug",
    options: { quality: "balanced", formats: ["glb"], texture: 512, seed: 42 },
    engine: { name: "relief", version: "1.0", weight_free: true },
    weight_free: true,
    files: Object.fromEntries(files.map(([name, bytes]) => [name, { url: `/made/${name}`, bytes }])),
  };
  const photo = { width: 1200, height: 900, format: "jpeg", bytes: 1, url: "/made/photo.jpg" } as const;
  const session: SessionView = {
    ...id,
    state: "ready",
    photo: { ...photo, thumbnail_url: photo.url },
    jobs: [job],
  };
  return { session, job };
}

function serve({ site, made }: { site: string; made: string }): Server {
  const told = execFileSync(PYTHON, [
    "-c",
    "import json; from gen3d_local.site import HEADERS, content_security_policy as policy; " +
      "print(json.dumps(HEADERS | {'Content-Security-Policy': policy('')}))",
  ]);
  const headers = JSON.parse(told.toString()) as Record<string, string>;
  return createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    const file = path.startsWith("/made/")
      ? join(made, path.slice(6))
      : join(site, path === "/" ? "index.html" : path);
    try {
      const content = readFileSync(file);
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "Content-Type": type }).end(content);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
}
