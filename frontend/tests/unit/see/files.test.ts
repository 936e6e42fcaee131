import { afterEach, expect, test, vi } from "vitest";
import type { JobView } from "../../../src/api/types";
import { fileName, fileSize, JobFiles } from "../../../src/see/files";
import { grouped } from "../../../src/see/formats";
import { readStats } from "../../../src/see/stats";
import { source } from "../../../src/see/viewer/load";

afterEach(() => vi.unstubAllGlobals());

const at = (url: string) => ({ "mesh.glb": { url, bytes: 3 } });
const jobFiles = () => new JobFiles(at("https://s3/old"), () => Promise.resolve(at("https://s3/new")));

test("an expired address is renewed, and a file is fetched once", async () => {
  const fetched = vi.fn((url: string) =>
    Promise.resolve(url.endsWith("old") ? new Response("", { status: 403 }) : new Response("abc")),
  );
  vi.stubGlobal("fetch", fetched);
  const files = jobFiles();
  const shares: number[] = [];
  const content = await files.read("mesh.glb", { onProgress: (share) => shares.push(share) });
  expect(new TextDecoder().decode(content)).toBe("abc");
  expect(await files.read("mesh.glb")).toBe(content);
  expect(fetched.mock.calls.map(([url]) => url)).toEqual(["https://s3/old", "https://s3/new"]);
  expect(shares).toEqual([1]);
});

test("what cannot be fetched is a refusal with a hint", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(jobFiles().read("mesh.glb")).rejects.toMatchObject({ code: "network" });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status: 500 })));
  await expect(jobFiles().read("mesh.glb")).rejects.toMatchObject({ hint: "Try again." });
  await expect(jobFiles().read("mesh.stl")).rejects.toMatchObject({ code: "not_found" });
});

/** Bytes that begin to come, and then break off. */
const cut = () =>
  new Response(
    new ReadableStream({
      pull(body) {
        body.enqueue(Uint8Array.of(1));
        body.error(new TypeError("network error"));
      },
    }),
  );

test.each([{}, { onProgress: () => undefined }])(
  "a file that breaks off is a lost network",
  async (options) => {
    vi.stubGlobal("fetch", () => Promise.resolve(cut()));
    const files = jobFiles();
    await expect(files.read("mesh.glb", options)).rejects.toMatchObject({ code: "network" });
    const stop = AbortSignal.abort();
    await expect(files.read("mesh.glb", { ...options, signal: stop })).rejects.toThrow(TypeError);
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("abc"))); // it can be read again
    expect(new TextDecoder().decode(await files.read("mesh.glb", options))).toBe("abc");
  },
);

test.each([
  [
    { "splat.ply": 1, "splat-clean.ply": 1, "splat.spz": 1, "mesh.glb": 1 },
    ["splat.spz", "splat-clean.ply", "mesh.glb"],
  ],
  [{ "splat.ply": 1, "mesh.stl": 1 }, ["splat.ply", "splat.ply", undefined]],
])("of %j the modes show %j", (made, shown) => {
  const files = { has: (name: string) => name in made };
  expect((["splats", "points", "mesh"] as const).map((mode) => source(mode, files))).toEqual(shown);
});

test.each([
  ["Blue mug!", "mesh.glb", "blue-mug-mesh.glb"],
  ["../../etc/passwd", "mesh.glb", "etc-passwd-mesh.glb"],
  ["Café Über", "x", "cafe-uber-x"],
  ["花瓶", "x", "花瓶-x"],
  ["  --  ", "x", "x"],
  [undefined, "x", "x"],
])("of a model %j the file %s is saved as %s", (model, file, saved) => {
  expect(fileName(model, file)).toBe(saved);
});

test.each([
  [999, "999 bytes"],
  [847_168, "847 kB"],
  [999_600, "1.0 MB"],
  [6_839_448, "6.8 MB"],
  [13_631_890, "14 MB"],
])("%d bytes are %s", (bytes, text) => {
  expect(fileSize(bytes)).toBe(text);
});

test("every file of a job has words, and an unknown one is listed too", () => {
  const made = ["mesh.glb", "splat.spz", "mask.png", "mesh.new"] satisfies (keyof JobView["files"])[];
  const groups = grouped(made);
  expect(groups.flatMap(({ files }) => files.map(({ name }) => name)).toSorted()).toEqual(made.toSorted());
  expect(groups.at(-1)?.title).toBe("Others");
  expect(groups[0]?.files[0]?.words).not.toBe("");
});

test("statistics give the bounds and facts that they have", () => {
  const stats = readStats(
    JSON.stringify({ bounds: { min: [-1, -2, -3], max: [1, 2, 3] }, triangles: 21106, watertight: true }),
  );
  expect(stats.bounds).toEqual({ min: [-1, -2, -3], max: [1, 2, 3] });
  expect(stats.facts).toEqual([
    { label: "Triangles", value: "21,106" },
    { label: "Closed surface", value: "yes" },
  ]);
});

test.each(["null", "[]", '{"bounds":{"min":[1,2],"max":[null,1,2]},"triangles":"many","gaussians":3}'])(
  "statistics of another form, such as %s, give nothing",
  (text) => {
    expect(readStats(text)).toEqual({ facts: [] });
  },
);
