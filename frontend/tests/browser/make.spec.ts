// From a photo to a model in hand, on a real local cloud.
import { readFileSync } from "node:fs";

import type { Page } from "@playwright/test";

import type { NewJob } from "../../src/api/types";
import { accessible, codeTo, enter, expect, fits, misbehave, PASSWORD, scene, tabTo, test } from "./test";

const SLOW = { timeout: 120_000 };
const QUICK: NewJob = { options: { quality: "fast", formats: ["glb"], texture: null } };
const ready = (page: Page) => page.getByRole("button", { name: "Make the 3D model" });

test("by keyboard alone, from signing up to a downloaded model", async ({ page }) => {
  test.setTimeout(300_000);
  await page.setViewportSize({ width: 900, height: 700 });
  await page.goto("/");
  await page.evaluate(() => localStorage.setItem("gen3d.mode", "points")); // splats, seen in see.spec, take long
  const email = `grace-${Date.now()}@example.com`;
  await enter(page, page.getByRole("button", { name: "Create an account" }));
  await tabTo(page, page.getByLabel("Email"));
  await page.keyboard.type(email);
  await tabTo(page, page.getByLabel("Password"));
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Code")).toBeFocused();
  await page.keyboard.type(await codeTo(page, email));
  await page.keyboard.press("Enter");
  await enter(page, page.getByRole("button", { name: "Try the sample" }));

  // The arrow key shows the cursor in the middle of the photo, where the sample's object is.
  await expect(page.getByLabel("The photo", { exact: true })).toBeVisible(SLOW);
  await expect(page.locator("[data-decoder=ready]")).toBeVisible(SLOW);
  await tabTo(page, page.getByLabel("The photo", { exact: true }));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(ready(page)).toBeEnabled(SLOW);
  await enter(page, ready(page));
  await expect(page.getByRole("heading", { name: "Make the model" })).toBeVisible();
  await page.reload(); // the options are not begun yet, but the object is still marked
  await expect(ready(page)).toBeEnabled(SLOW);
  await enter(page, ready(page));

  await expect(page.getByRole("img", { name: /cut out/ })).toBeVisible();
  await accessible(page);
  await tabTo(page, page.getByRole("radio", { name: /^Balanced/ }));
  await page.keyboard.press("ArrowUp");
  await expect(page.getByRole("radio", { name: /^Fast/ })).toBeChecked();
  for (const format of ["GLB", "USDZ", "Splats"]) {
    await tabTo(page, page.getByRole("checkbox", { name: new RegExp(`^${format}`) }));
    await page.keyboard.press("Space");
  }
  await enter(page, page.getByRole("button", { name: "Make the model" }));
  await expect(page.getByText("Choose at least one.")).toBeVisible();
  await tabTo(page, page.getByRole("checkbox", { name: /^GLB/ }));
  await page.keyboard.press("Space");

  // The endpoint takes its time, so that there is a way to look at.
  await misbehave("slow", "--task", "reconstruct", "--seconds", "5");
  const before = connected(page);
  await enter(page, page.getByRole("button", { name: "Make the model" }));
  await page.waitForURL(/\/job_/, SLOW);
  await expect(page.getByText("Reconstruction")).toBeVisible();
  await before;
  const live = connected(page);
  await page.reload();
  await expect(page.getByText("Reconstruction")).toBeVisible();
  await accessible(page);

  // From the socket's first answer on the API is silent, and the page tells what happens nevertheless.
  const address = new URL(await live);
  const api = await silent(page);
  await expect(page.getByRole("status").filter({ hasText: "The model is ready." })).toBeAttached(SLOW);
  expect(api.asked).toBeLessThan(3);
  expect([...address.searchParams.keys()]).toEqual(["ticket"]);
  api.speak();

  await tabTo(page, page.getByRole("radio", { name: "Points" }));
  await page.keyboard.press("ArrowRight");
  await expect(page.getByLabel("The model in 3D")).toHaveAttribute("data-shown", "mesh", SLOW);
  await expect(page.getByText("Made without a trained model.")).toBeVisible();
  await accessible(page);
  const saved = page.waitForEvent("download", SLOW);
  await enter(page, page.getByRole("button", { name: /^GLB .*take this if unsure/ }));
  opens(readFileSync(await (await saved).path()));
  await page.reload();
  await expect(page.getByLabel("The model in 3D")).toHaveAttribute("data-shown", "mesh", SLOW);

  // The same mask, other options; the network is gone for a while.
  const first = page.url();
  await page.setViewportSize({ width: 390, height: 844 });
  await enter(page, page.getByRole("button", { name: "Make it again with other options" }));
  await expect(page.getByRole("radio", { name: /^Fast .*The last time it took/ })).toBeChecked();
  await tabTo(page, page.getByRole("checkbox", { name: /^STL/ }));
  await page.keyboard.press("Space");
  await page.context().setOffline(true);
  await enter(page, page.getByRole("button", { name: "Make it again" }));
  await expect(page.getByText("You are offline.")).toBeVisible();
  await page.context().setOffline(false);
  await page.waitForURL((url) => /\/job_\w+$/.test(url.href) && url.href !== first, SLOW);
  await fits(page);
  await expect(page.getByRole("button", { name: /^STL/ })).toBeVisible(SLOW);
  await fits(page);
});

test.describe("of a photo that is ready", () => {
  let session: string;
  test.use({ storageState: ({ signedIn }, use) => use(signedIn) });
  test.beforeAll(async ({ api }) => {
    session = await api.session(scene("photo.jpg"));
  });

  test("a job is followed without a socket too, and through a lost network", async ({
    page,
    context,
    api,
    complaints,
  }) => {
    await page.addInitScript(() => localStorage.setItem("gen3d.mode", "mesh"));
    await page.routeWebSocket(/\/socket/, (socket) => socket.close());
    await misbehave("slow", "--task", "reconstruct", "--seconds", "3");
    await page.goto(await api.job(session, QUICK, scene("mask.png")));
    await expect(page.getByRole("listitem").filter({ hasText: "Queue" })).toContainText("done");
    await context.setOffline(true);
    await expect(page.getByText("You are offline.")).toBeVisible();
    await expect(page.getByText(/ so far\. .*You can close the page/)).toBeVisible();
    await context.setOffline(false);
    await expect(page.getByLabel("The model in 3D")).toHaveAttribute("data-shown", "mesh", SLOW);
    // What was being fetched when the network went says so, and is fetched again.
    const cutOff = /^wasm streaming compile failed: TypeError: Failed to fetch|^falling back to ArrayBuffer/;
    complaints.splice(0, Infinity, ...complaints.filter((said) => !cutOff.test(said)));
  });

  test("a job that fails says why, what to do, and can be tried again", async ({ page, api }) => {
    await misbehave("fail", "--task", "reconstruct", "--code", "inference_failed");
    await page.goto(await api.job(session, QUICK, scene("mask.png")));
    const said = page.getByRole("alert");
    await expect(said).toContainText("Computing failed for a reason that is not the photo's.", SLOW);
    await expect(said).toContainText("Try again; if it fails again, tell the operator the job's id.");
    await page.reload();
    await expect(said).toContainText("Computing failed");
    await accessible(page);
    const failed = page.url();
    await page.getByRole("button", { name: "Try again with this mask" }).click();
    await page.getByRole("button", { name: "Make it again" }).click();
    await page.waitForURL((url) => /\/job_\w+$/.test(url.href) && url.href !== failed);
    await expect(page.getByText(/ so far\. .*You can close the page/)).toBeVisible();
  });

  test("two objects are a job and a model each; one takes the place of a job whose mask was lost", async ({
    page,
    api,
  }) => {
    await page.addInitScript((options) => {
      localStorage.setItem("gen3d.mode", "mesh");
      localStorage.setItem("gen3d.options", JSON.stringify(options));
      const now = Date.now;
      Date.now = () => now() + 120_000; // a mask that was not sent at once is lost
    }, QUICK.options);
    const lost = await api.job(session, { ...QUICK, name: "Bottle" });
    await page.goto(lost);
    await expect(page.getByText("The mask never arrived.")).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: /^Mask/ })).toHaveText("Mask failed");
    await accessible(page);
    await page.getByRole("button", { name: "Back to the photo" }).click();

    await expect(page.locator("[data-decoder=ready]")).toBeVisible(SLOW);
    const stage = page.getByLabel("The photo", { exact: true });
    await stage.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByLabel("Name of Object 1").fill("Bottle");
    await page.getByRole("button", { name: "Another object" }).click();
    await page.getByRole("button", { name: "Brush" }).click();
    await stage.press("ArrowDown");
    for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByLabel("Name of Object 2").fill("Patch");
    await page.getByRole("button", { name: "Make 2 3D models" }).click(SLOW);

    await misbehave("slow", "--task", "reconstruct", "--seconds", "5"); // so that both are seen under way
    await page.getByRole("button", { name: "Make 2 models" }).click();
    await page.waitForURL(`**${lost}`);
    const tabs = page.getByRole("navigation", { name: "This photo" }).getByRole("link");
    await expect(tabs.filter({ hasText: /^(Bottle|Patch)(Waiting|Reconstructing|Meshing)$/ })).toHaveCount(2);
    const models: Buffer[] = [];
    for (const name of ["Bottle", "Patch"]) {
      await tabs.filter({ hasText: name }).click();
      await expect(page.getByLabel("The model in 3D")).toHaveAttribute("data-shown", "mesh", SLOW);
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: /^GLB .*take this if unsure/ }).click();
      expect((await saved).suggestedFilename()).toBe(`${name.toLowerCase()}-mesh.glb`);
      models.push(readFileSync(await (await saved).path()));
    }
    for (const model of models) opens(model);
    expect(models[0]).not.toEqual(models[1]);
    await expect(tabs.filter({ hasText: /^(Bottle|Patch)$/ })).toHaveCount(2); // done, and no third
    await expect(tabs.filter({ hasText: /Bottle|Patch/ })).toHaveCount(2);
    const { Bottle = 0, Patch = 0 } = await api.masks(session);
    expect(Bottle).toBeGreaterThan(3 * Patch);
    expect(Patch).toBeGreaterThan(0);
  });

  test("a cut-out is shown by an expired address too, and stays when an earlier sending ends", async ({
    page,
  }) => {
    let refused = 0;
    await page.route(/thumbnail/, (route) => (refused++ ? route.continue() : route.fulfill({ status: 403 })));
    let arrive = () => undefined as void;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    await page.route("**/*", async (route) => {
      const type = route.request().headers()["content-type"] ?? "";
      if (!type.startsWith("multipart/form-data")) return route.fallback();
      await arrived;
      await route.continue();
    });
    await page.goto(`/sessions/${session}`);
    await expect(page.locator("[data-decoder=ready]")).toBeVisible(SLOW);
    await page.getByLabel("The photo", { exact: true }).press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect(ready(page)).toBeEnabled(SLOW);
    await ready(page).click();
    const cutOut = page.getByRole("img", { name: /cut out/ });
    await expect.poll(() => cutOut.evaluate(painted)).toBe(true);

    await page.getByRole("button", { name: "Make the model" }).click();
    await expect(page.getByText("Sending the mask")).toBeVisible();
    await page.getByRole("button", { name: "Back to the photo" }).click();
    await ready(page).click();
    await expect(page.getByRole("button", { name: "Make the model" })).toBeEnabled();
    arrive();
    await expect(page.getByRole("link", { name: /^Object 1/ })).toBeVisible();
    await expect(cutOut).toBeVisible();
    expect(page.url()).toMatch(/\/make$/);
  });
});

/** Whether a canvas has a pixel that is seen. */
function painted(canvas: SVGElement | HTMLElement): boolean {
  if (!(canvas instanceof HTMLCanvasElement)) return false;
  const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels?.some((value, i) => i % 4 === 3 && value > 0) ?? false;
}

/** The address of the next socket that the page opens, when its first pong has come: from then on all is told. */
function connected(page: Page): Promise<string> {
  return new Promise((resolve) =>
    page.once("websocket", (socket) =>
      socket.on("framereceived", ({ payload }) => {
        if (payload.toString().includes('"pong"')) resolve(socket.url());
      }),
    ),
  );
}

/** Holds back what the API says of sessions, until it may speak. */
async function silent(page: Page) {
  const held: (() => void)[] = [];
  let silence = true;
  const api = {
    asked: 0,
    speak: () => {
      silence = false;
      for (const go of held) go();
    },
  };
  await page.route("**/api/sessions/*", async (route) => {
    api.asked++;
    if (silence) await new Promise<void>((go) => held.push(go));
    await route.continue();
  });
  return api;
}

/** A glTF of one file: chunks of the lengths that it says, a mesh whose data lie in it. */
function opens(glb: Buffer): void {
  expect(glb.subarray(0, 4).toString()).toBe("glTF");
  expect(glb.readUInt32LE(8)).toBe(glb.length);
  const length = glb.readUInt32LE(12);
  expect(glb.subarray(16, 20).toString()).toBe("JSON");
  const gltf = JSON.parse(glb.subarray(20, 20 + length).toString()) as {
    meshes: { primitives: { attributes: Record<string, number>; indices: number }[] }[];
    accessors: { count: number }[];
    bufferViews: { byteOffset?: number; byteLength: number }[];
  };
  const data = glb.length - (20 + length + 8);
  for (const { byteOffset = 0, byteLength } of gltf.bufferViews)
    expect(byteOffset + byteLength).toBeLessThanOrEqual(data);
  const { attributes, indices } = gltf.meshes[0]!.primitives[0]!;
  expect(gltf.accessors[attributes["POSITION"]!]!.count).toBeGreaterThan(100);
  expect(gltf.accessors[indices]!.count).toBeGreaterThan(300);
}
