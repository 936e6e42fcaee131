import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { accessible, expect, fits, test } from "../test";
import { workbench, type Workbench } from "./workbench";

declare global {
  interface Window {
    drawn?: number;
  }
}

let bench: Workbench;

test.beforeAll(async () => {
  test.setTimeout(180_000);
  bench = await workbench();
});

test.afterAll(() => bench.close());

test.beforeEach(({ page }) => page.setViewportSize({ width: 760, height: 520 }));

/** Without a graphics card splats take long to be got ready: tests that need none begin with the mesh. */
async function openMesh(page: Page, query = ""): Promise<void> {
  await page.addInitScript(() => localStorage.setItem("gen3d.mode", "mesh"));
  await page.goto(bench.url + query);
}

async function show(page: Page, mode: "Splats" | "Points" | "Mesh"): Promise<void> {
  await page.getByRole("radio", { name: mode }).check();
  await expect(page.locator("canvas")).toHaveAttribute("data-shown", mode.toLowerCase());
}

interface Seen {
  /** Share of the picture that the model covers. */
  cover: number;
  /** How many different colours it shows, coarsely. */
  colours: number;
  /** 1 where the model is. */
  inside: number[];
}

/** What the page's own "Save picture" gives: transparent beside the model. */
async function picture(page: Page): Promise<Seen> {
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save picture" }).click();
  const png = readFileSync(await (await saved).path()).toString("base64");
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const [width, height] = [250, Math.round((250 * image.height) / image.width)];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no context");
    context.drawImage(image, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const inside: number[] = [];
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4) {
      const [r = 0, g = 0, b = 0, alpha = 0] = data.subarray(i, i + 4);
      inside.push(Number(alpha > 100));
      if (alpha > 200) colours.add(((r >> 5) << 6) | ((g >> 5) << 3) | (b >> 5));
    }
    return { cover: inside.reduce((a, b) => a + b, 0) / inside.length, colours: colours.size, inside };
  }, png);
}

/** Splats are sorted in a worker: the picture is taken once it has settled. */
async function settled(page: Page): Promise<Seen> {
  let seen = await picture(page);
  await expect(async () => {
    const before = seen;
    seen = await picture(page);
    expect(seen.cover).toBeGreaterThan(0.02);
    expect(overlap(before, seen)).toBeGreaterThan(0.995);
  }).toPass({ timeout: 60_000 });
  return seen;
}

function overlap(one: Seen, other: Seen): number {
  let [both, any] = [0, 0];
  one.inside.forEach((inside, i) => {
    const also = other.inside[i] ?? 0;
    both += inside & also;
    any += inside | also;
  });
  return both / any;
}

test("the three modes show the same object in the same pose", async ({ page }) => {
  await page.goto(bench.url);
  await expect(page.getByRole("radio", { name: "Splats" })).toBeChecked();
  const views: Seen[][] = [];
  for (const mode of ["Splats", "Points", "Mesh"] as const) {
    await show(page, mode);
    if (mode === "Points") {
      await page.getByText("View", { exact: true }).click();
      await page.getByRole("slider", { name: "Point size" }).fill("5");
    }
    await page.getByRole("button", { name: "Reset view" }).click();
    const seen = [await settled(page)];
    await page.getByRole("application").focus();
    for (let i = 0; i < 7; i++) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowUp");
    seen.push(await settled(page));
    views.push(seen);
  }
  const [splats, points, mesh] = views;
  for (const view of [0, 1]) {
    const [a, b, c] = [splats?.[view], points?.[view], mesh?.[view]];
    if (!a || !b || !c) throw new Error("a view is missing");
    for (const seen of [a, b, c]) expect(seen.colours).toBeGreaterThan(8);
    expect(overlap(a, c), "splats and mesh").toBeGreaterThan(0.85);
    expect(overlap(b, c), "points and mesh").toBeGreaterThan(0.8);
  }
  const [first, turned] = mesh ?? [];
  if (!first || !turned) throw new Error("a view is missing");
  expect(overlap(first, turned), "another side looks different").toBeLessThan(0.85);
});

test("it draws only when something changes; a lost context is said, and shown again on request", async ({
  page,
  complaints,
}) => {
  await openMesh(page);
  await show(page, "Mesh");
  await page.evaluate(() => {
    const gl = document.querySelector("canvas")?.getContext("webgl2");
    if (!gl) throw new Error("no context");
    const draw = gl.drawElements.bind(gl);
    gl.drawElements = (...args) => {
      window.drawn = (window.drawn ?? 0) + 1;
      draw(...args);
    };
  });
  const drawn = () =>
    page.evaluate(async () => {
      const before = window.drawn ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 600));
      return (window.drawn ?? 0) - before;
    });
  await expect.poll(drawn).toBe(0);
  await page.getByRole("button", { name: "Turntable", exact: true }).click();
  await expect.poll(drawn).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Turntable", exact: true }).click();

  await page.evaluate(() => {
    document.querySelector("canvas")?.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
  });
  await page.getByRole("button", { name: "Show it again" }).click();
  await expect(page.locator("canvas")).toHaveAttribute("data-shown", "mesh");
  expect((await settled(page)).colours).toBeGreaterThan(8);
  complaints.length = 0; // three.js tells the console of the loss
});

test("without WebGL a picture takes the model's place", async ({ page, complaints }) => {
  await page.addInitScript(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
  });
  await openMesh(page);
  await expect(page.getByText("offers no WebGL 2")).toBeVisible();
  const picture = page.getByAltText("The model, as a picture");
  await expect(picture).toHaveAttribute("src", /turntable/);
  expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100);
  complaints.length = 0; // three.js tells the console of it
});

test("augmented reality's viewer shows the model under the page's policy", async ({ page }) => {
  await openMesh(page, "?ar");
  const viewer = page.locator("model-viewer");
  await expect(viewer).toBeVisible();
  await expect
    .poll(() => viewer.evaluate((it) => "loaded" in it && it.loaded), { timeout: 60_000 })
    .toBe(true);
  expect(await viewer.evaluate((it) => it.shadowRoot?.adoptedStyleSheets.length)).toBe(1);
});

test("everybody can use it", async ({ page }) => {
  await openMesh(page);
  await show(page, "Mesh");
  for (const panel of ["View", "Photo", "Figures", "Keys"])
    await page.getByText(panel, { exact: true }).click();
  await accessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
});
