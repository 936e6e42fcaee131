// Step 3 alone: the shipped component, worker and decoder on the demo's photo, as a production build.
import type { BrowserContext, Page } from "@playwright/test";

import { executable } from "./chromium";
import { classical, coarsely, serveSelect, type Served } from "./fixtures/select/serve";
import { BOTTLE, CORNER, at, click, drag, made, make, marks, stage, told } from "./marking";
import { accessible, expect, fits, test as base } from "./test";

declare global {
  interface Window {
    /** What the decoder was asked for, of outlines. */
    looks: string[];
    /** Whether the decoder is asked for what is none, and so stops. */
    nonsense: boolean;
    /** Answers of the decoder that are held back: each comes when it is called. */
    held: (() => void)[];
    /** Which outlines are to be held back. */
    holding: "coarse" | "fine" | undefined;
  }
}

// One browser for all: it compiles the decoder's 14 MB once. What is marked is forgotten before each test.
const test = base.extend<object, { browsing: BrowserContext }>({
  browsing: [
    async ({ browser }, use) => {
      const context = await browser.newContext({ hasTouch: true });
      await use(context);
      await context.close();
    },
    { scope: "worker" },
  ],
  context: ({ browsing }, use) => use(browsing),
  page: async ({ context }, use) => {
    const page = await context.newPage();
    await use(page);
    await page.close();
  },
});

test.describe.configure({ mode: "parallel" }); // the longest of the files, and no cloud in it

let served: Served;

test.beforeAll(async () => {
  test.setTimeout(180_000);
  served = await serveSelect(true, { files: classical, coarse: coarsely });
});

test.afterAll(() => served.close());

test.beforeEach(async ({ page }) => {
  await page.setViewportSize({ width: 1200, height: 800 });
  await page.goto(new URL("files/session.json", served.url).href);
  await page.evaluate(() => localStorage.clear());
  await open(page);
});

async function open(page: Page, files = "files"): Promise<void> {
  await page.goto(`${served.url}?files=${files}`);
  await expect(stage(page)).toBeVisible();
  await expect(page.locator("[data-decoder=ready]")).toBeVisible();
}

test("hovering shows what a click would mark; one click marks the bottle, at the photo's own size", async ({
  page,
}) => {
  const picture = () => stage(page).evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  await page.mouse.move(1190, 20);
  await expect.poll(async () => (await picture()) === (await picture())).toBe(true);
  const before = await picture();
  await stage(page).hover({ position: await at(page, BOTTLE) });
  await expect.poll(picture).not.toBe(before);
  await page.mouse.move(1190, 20);
  await expect.poll(picture).toBe(before);

  await expect(make(page)).toBeDisabled();
  await click(page);
  await marks(page, 1);
  await accessible(page);
  await fits(page);
  const [bottle] = await made(page);
  expect(bottle?.overlap).toBeGreaterThan(0.95);
  expect(bottle).toMatchObject({ name: "Object 1", clicks: 1, refinements: 0 });
});

for (const [kind, other] of [
  ["pointerrawupdate", "pointermove"],
  ["pointermove", "pointerrawupdate"],
] as const)
  test(`hovering goes by ${kind}, and needs no ${other}`, async ({ page }) => {
    await page.addInitScript(
      ([kind, other]) => {
        if (kind === "pointermove") delete (window as Partial<Window>).onpointerrawupdate; // as in other browsers
        addEventListener(other, (event) => event.stopImmediatePropagation(), true);
      },
      [kind, other] as const,
    );
    await open(page);
    expect(await page.evaluate(() => "onpointerrawupdate" in window)).toBe(kind === "pointerrawupdate");
    await stage(page).hover({ position: await at(page, BOTTLE) });
    await expect(page.locator("[data-hovered=fine]")).toBeVisible();
    await page.mouse.move(1190, 20);
    await expect(page.locator("[data-hovered]")).toBeHidden();
  });

async function tap(page: Page, place: typeof BOTTLE): Promise<void> {
  const box = (await stage(page).boundingBox())!;
  const { x, y } = await at(page, place);
  await page.touchscreen.tap(box.x + x, box.y + y);
}

/** Red, green, blue and alpha of what the objects' outlines are painted with there. */
async function painted(page: Page, place: typeof BOTTLE): Promise<number[]> {
  return page.locator(".stage canvas[aria-hidden]").evaluate(
    (canvas: HTMLCanvasElement, { x, y }) => {
      const context = canvas.getContext("2d")!;
      return [...context.getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data];
    },
    await at(page, place),
  );
}

/** Opens the page with a decoder that has a coarse way; what is asked of it is noted, and outlines can be held back. */
async function openCoarsely(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const post = Worker.prototype.postMessage as (message: { do: string }, ...rest: unknown[]) => void;
    window.looks = [];
    window.held = [];
    window.holding = undefined;
    window.Worker = class extends Worker {
      override postMessage(message: { do: string }, ...rest: unknown[]) {
        if (message.do === "glance" || message.do === "outline") window.looks.push(message.do);
        post.call(this, message, ...rest);
      }
      override set onmessage(hear: (event: MessageEvent) => void) {
        super.onmessage = (event) => {
          const coarse: unknown = event.data.answer?.coarse; // of outlines only
          const kind = coarse === undefined ? coarse : coarse ? "coarse" : "fine";
          if (kind && kind === window.holding) window.held.push(() => hear(event));
          else hear(event);
        };
      }
    };
  });
  await open(page, "coarse");
}

const looks = (page: Page) => page.evaluate(() => window.looks);
const hold = (page: Page, kind: "coarse" | "fine" = "fine") =>
  page.evaluate((it) => void (window.holding = it), kind);
const held = (page: Page) => page.waitForFunction(() => window.held.length > 0);

/** What is held back; from now on, that of another kind may be. */
async function letCome(page: Page, next?: "coarse" | "fine"): Promise<void> {
  await held(page);
  await page.evaluate((it) => {
    window.holding = it;
    for (const hear of window.held.splice(0)) hear();
  }, next);
}

test("who clicks where a finer preview is shown, or presses and lets go, has its mask decoded once", async ({
  page,
}) => {
  await openCoarsely(page);
  await stage(page).hover({ position: await at(page, BOTTLE) });
  await expect(page.locator("[data-hovered=fine]")).toBeVisible();
  expect(await looks(page)).toEqual(["glance", "outline"]);
  await click(page);
  await marks(page, 1);
  expect(await looks(page)).toHaveLength(2);
  await tap(page, { x: 384, y: 300 });
  await marks(page, 2);
  expect(await looks(page)).toEqual(["glance", "outline", "glance", "outline"]);
  await page.keyboard.press("Control+z");
  await marks(page, 1);
  expect(await looks(page)).toHaveLength(5); // it is decoded already
});

test("a tap marks the object coarsely, in its colour and at once, then finely; the latter is told and made", async ({
  page,
}) => {
  await openCoarsely(page);
  await hold(page);
  await tap(page, BOTTLE);
  await expect(page.locator("[data-outlined=coarse]")).toBeVisible();
  const colour = await painted(page, BOTTLE);
  expect(colour[3]).toBeGreaterThan(0);
  await held(page);
  await expect(page.locator("[data-outlined=coarse]:not([data-hovered])")).toBeVisible();
  await expect(told(page)).toHaveText("");
  await expect(make(page)).toBeDisabled();
  await letCome(page);
  await expect(page.locator("[data-outlined=fine]")).toBeVisible();
  await marks(page, 1);
  expect(await painted(page, BOTTLE)).toEqual(colour);
  expect(await looks(page)).toEqual(["glance", "outline"]);
  const [bottle] = await made(page);
  expect(bottle?.overlap).toBeGreaterThan(0.95);
});

test("what hovering shows of a click is the object's with it, before the decoder answers anything", async ({
  page,
}) => {
  await openCoarsely(page);
  await hold(page);
  await stage(page).hover({ position: await at(page, BOTTLE) });
  await expect(page.locator("[data-hovered=coarse]")).toBeVisible();
  expect((await painted(page, BOTTLE))[3]).toBe(0);
  await held(page); // it rested: the finer one is under way
  await click(page);
  await expect(page.locator("[data-outlined=coarse]:not([data-hovered])")).toBeVisible();
  expect((await painted(page, BOTTLE))[3]).toBeGreaterThan(0);
  await letCome(page);
  await marks(page, 1);
  expect(await looks(page)).toEqual(["glance", "outline"]);
});

test("a click that is coarse yet can be undone, and done again", async ({ page }) => {
  await openCoarsely(page);
  await hold(page);
  await click(page);
  await expect(page.locator("[data-outlined=coarse]")).toBeVisible();
  await page.keyboard.press("Control+z");
  await expect(page.locator("[data-outlined]")).toBeHidden();
  await letCome(page);
  await page.evaluate(() => new Promise(requestAnimationFrame));
  expect((await painted(page, BOTTLE))[3]).toBe(0);
  await expect(told(page)).toHaveText("Undone.");
  await page.keyboard.press("Control+Shift+z");
  const whole = await marks(page, 1);

  await hold(page);
  await click(page, { x: 384, y: 300 }, { modifiers: ["Alt"] });
  await expect(page.locator("[data-outlined=coarse]")).toBeVisible();
  await page.keyboard.press("Control+z");
  await letCome(page);
  expect(await marks(page, 1)).toBe(whole);
  await expect(page.locator("[data-outlined=fine]")).toBeVisible();
  await page.keyboard.press("Control+Shift+z");
  expect(await marks(page, 2)).toBeLessThan(whole);
  await expect(make(page)).toBeEnabled();
});

test("what is undone before it has an outline does not replace that of what is left", async ({ page }) => {
  await openCoarsely(page);
  await click(page);
  const whole = await marks(page, 1);
  await page.keyboard.press("b"); // without a preview, for whose answer the object would wait
  await hold(page, "coarse");
  await drag(page, { x: 40, y: 40 }, { x: 140, y: 140 });
  await held(page);
  await page.keyboard.press("Control+z");
  await letCome(page, "fine");
  await held(page); // the object's own is asked for anew: the other has been shown, if it is
  await expect(page.locator("[data-outlined=fine]")).toBeVisible();
  expect((await painted(page, BOTTLE))[3]).toBeGreaterThan(0);
  await letCome(page);
  expect(await marks(page, 1)).toBe(whole);
});

test("a fine preview is the object's with a click, though the decoder is at another place yet", async ({
  page,
}) => {
  await openCoarsely(page);
  await stage(page).hover({ position: await at(page, BOTTLE) });
  await expect(page.locator("[data-hovered=fine]")).toBeVisible();
  await hold(page, "coarse");
  await stage(page).hover({ position: await at(page, CORNER) });
  await held(page);
  await click(page);
  await expect(page.locator("[data-outlined=fine]:not([data-hovered])")).toBeVisible();
  expect((await painted(page, BOTTLE))[3]).toBeGreaterThan(0);
  await expect(told(page)).toHaveText("");
  await letCome(page);
  await marks(page, 1);
});

test("a pen that tilts where it rests does not put off the finer preview", async ({ page }) => {
  await openCoarsely(page);
  const { x, y } = await at(page, BOTTLE);
  await stage(page).evaluate(
    (canvas, [x, y]) => {
      const { left, top } = canvas.getBoundingClientRect();
      const place = { clientX: left + x, clientY: top + y, pointerType: "pen", bubbles: true };
      setInterval(() => canvas.dispatchEvent(new PointerEvent("pointerrawupdate", place)), 15);
    },
    [x, y] as const,
  );
  await expect(page.locator("[data-hovered=fine]")).toBeVisible();
  expect(await looks(page)).toEqual(["glance", "outline"]);
});

test("an object's outline lies where the object is, goes with it and comes back with it", async ({
  page,
}) => {
  const alpha = async (place: typeof BOTTLE) => (await painted(page, place))[3];
  await click(page);
  await expect.poll(() => alpha(BOTTLE)).toBeGreaterThan(0);
  expect(await alpha(CORNER)).toBe(0);
  await page.keyboard.press("Delete");
  await expect.poll(() => alpha(BOTTLE)).toBe(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => alpha(BOTTLE)).toBeGreaterThan(0);
  expect(await alpha(CORNER)).toBe(0);
});

test("points that take away, undo, redo and reset", async ({ page }) => {
  await click(page);
  const whole = await marks(page, 1);
  await click(page, { x: 384, y: 300 }, { modifiers: ["Alt"] });
  const less = await marks(page, 2);
  expect(less).toBeLessThan(whole);
  await page.getByRole("button", { name: "Undo" }).click();
  expect(await marks(page, 1)).toBe(whole);
  await page.keyboard.press("Control+Shift+Z");
  expect(await marks(page, 2)).toBe(less);
  await click(page, { x: 384, y: 500 }, { button: "right" });
  await marks(page, 3);
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(make(page)).toBeDisabled();
  await page.keyboard.press("Control+Z");
  await marks(page, 3);
});

test("a slider's moves are one step, clicks between them are their own; looking at a name loses no step", async ({
  page,
}) => {
  const edge = page.getByLabel("Edge");
  await click(page);
  await marks(page, 1);
  for (let i = 0; i < 3; i++) await edge.press("ArrowRight");
  await click(page, { x: 384, y: 700 });
  await marks(page, 2);
  await edge.press("ArrowRight");
  await expect(edge).toHaveValue("1");
  await page.keyboard.press("Control+Z");
  await expect(edge).toHaveValue("0.75");
  await marks(page, 2);
  await page.keyboard.press("Control+Z");
  await marks(page, 1);
  await expect(edge).toHaveValue("0.75");
  await page.getByLabel("Name of Object 1").focus();
  await page.getByRole("button", { name: "Redo" }).click();
  await marks(page, 2);
});

test("marks of another tab are taken over", async ({ page, context }) => {
  await click(page);
  await marks(page, 1);
  const other = await context.newPage();
  await other.setViewportSize({ width: 1200, height: 800 });
  await open(other);
  await marks(other, 1);
  await click(page, { x: 384, y: 300 });
  await marks(other, 2);
  await click(other, { x: 384, y: 700 });
  await marks(page, 3);
  await other.close();
});

test("keys work wherever the focus is on the page; a preview goes with what it was made of", async ({
  page,
}) => {
  const hovered = page.locator("[data-hovered]");
  await click(page);
  await marks(page, 1);
  await stage(page).hover({ position: await at(page, CORNER) });
  await expect(hovered).toBeVisible();
  await page.locator("#app").evaluate((main) => ((main.tabIndex = -1), main.focus())); // as after a page's change, or a click beside everything
  await page.keyboard.press("Control+z");
  await expect(make(page)).toBeDisabled();
  await expect(hovered).toBeHidden();
  await page.keyboard.press("Control+Shift+z");
  await stage(page).hover({ position: await at(page, BOTTLE) });
  await expect(hovered).toBeVisible();
  await page.keyboard.press("b");
  await expect(hovered).toBeHidden();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
});

test("an answer about an object that is gone is not taken for the next one's", async ({ page }) => {
  await page.addInitScript(() => {
    window.Worker = class extends Worker {
      override set onmessage(hear: (event: MessageEvent) => void) {
        super.onmessage = (event) => setTimeout(hear, event.data.answer?.contour ? 1500 : 0, event);
      }
    };
  });
  await open(page);
  const said: string[] = [];
  page.on("console", (line) => said.push(line.text()));
  await told(page).evaluate((element) =>
    new MutationObserver(() => console.log(element.textContent)).observe(element, {
      subtree: true,
      characterData: true,
      childList: true,
    }),
  );
  await page.keyboard.press("b");
  await drag(page, CORNER, BOTTLE);
  await page.keyboard.press("Delete");
  await expect(told(page)).toHaveText(/^Deleted/);
  await drag(page, CORNER, { x: 600, y: 900 });
  await expect(make(page)).toBeEnabled();
  expect(said.filter((text) => text.startsWith("Object 1"))).toHaveLength(1);
});

test("readings that come after newer ones are not shown", async ({ page }) => {
  await page.addInitScript(() => {
    window.held = [];
    window.Worker = class extends Worker {
      override set onmessage(hear: (event: MessageEvent) => void) {
        super.onmessage = (event) =>
          Array.isArray(event.data.answer) ? window.held.push(() => hear(event)) : hear(event);
      }
    };
  });
  await open(page);
  const readings = page.getByRole("group", { name: "What is meant?" });
  const come = (count: number) => page.waitForFunction((it) => window.held.length === it, count);
  await click(page);
  await come(1);
  await page.getByRole("button", { name: "Reset" }).click();
  await come(2);
  await page.evaluate(() => window.held.reverse().forEach((hear) => hear()));
  await page.evaluate(() => new Promise(requestAnimationFrame));
  await expect(readings).toBeHidden();
  await page.keyboard.press("Control+z");
  await come(3);
  await page.evaluate(() => window.held[2]!());
  await expect(readings).toBeVisible();
});

test("a dragged box; one under 10 px is a slip", async ({ page }) => {
  await drag(page, { x: 300, y: 300 }, { x: 305, y: 400 });
  await expect(told(page)).toHaveText("That box is too small to be meant.");
  await expect(make(page)).toBeDisabled();
  await drag(page, { x: 130, y: 80 }, { x: 640, y: 940 });
  await marks(page, 1);
  expect((await made(page))[0]?.overlap).toBeGreaterThan(0.9);
});

test("brush and eraser, inverting, threshold and candidates change the mask", async ({ page }) => {
  await click(page);
  const found = await marks(page, 1);
  await page.getByRole("button", { name: "Brush" }).click();
  await page.getByLabel("Brush size").fill("80");
  await drag(page, { x: 60, y: 80 }, { x: 700, y: 80 });
  const painted = await marks(page, 2);
  expect(painted).toBeGreaterThan(found);
  await page.getByRole("button", { name: "Eraser" }).click();
  await drag(page, { x: 40, y: 80 }, { x: 720, y: 80 });
  expect(await marks(page, 3)).toBeLessThan(painted);
  await page.getByRole("button", { name: "Invert" }).click();
  expect(await marks(page, 4)).toBeGreaterThan(50);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("radio", { name: /Whole/ }).check();
  await page.getByLabel("Edge").fill("-3");
  await expect(page.getByText("tighter")).toBeVisible();
  await expect(make(page)).toBeEnabled();
});

test("two objects, named, deleted and brought back", async ({ page }) => {
  await click(page);
  await marks(page, 1);
  await page.getByRole("button", { name: "Another object" }).click();
  await expect(stage(page)).toBeFocused();
  await page.keyboard.press("p");
  await drag(page, { x: 60, y: 120 }, { x: 160, y: 300 });
  await marks(page, 1, "Object 2");
  await page.getByLabel("Name of Object 1").fill("Bottle");
  await page.getByLabel("Mask opacity").evaluate((slider: HTMLInputElement) => {
    slider.value = slider.min;
    slider.dispatchEvent(new Event("input", { bubbles: true })); // draws the panel anew
  });
  await page.evaluate(() => new Promise(requestAnimationFrame));
  await expect(page.getByLabel("Name of Object 1")).toHaveValue("Bottle");
  await page.getByLabel("Name of Object 1").press("Enter");
  await page.getByRole("button", { name: "Delete Object 2" }).click();
  await expect(stage(page)).toBeFocused();
  await expect(make(page)).toHaveText("Make the 3D model");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(make(page)).toHaveText("Make 2 3D models");
  await accessible(page);
  const objects = await made(page);
  expect(objects.map(({ name }) => name)).toEqual(["Bottle", "Object 2"]);
  expect(objects[0]?.overlap).toBeGreaterThan(0.9);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(make(page)).toBeDisabled();
});

test("by keyboard alone", async ({ page }) => {
  await stage(page).focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
  await marks(page, 1);
  for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Shift+Enter");
  await marks(page, 2);
  await page.keyboard.press("Control+z");
  await page.keyboard.press("b");
  await page.keyboard.press("Enter");
  for (let i = 0; i < 15; i++) await page.keyboard.press("ArrowDown");
  for (let i = 0; i < 15; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await marks(page, 2);
  await page.keyboard.press("p");
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await marks(page, 3);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await accessible(page);
  await page.keyboard.press("Escape");
  await expect(stage(page)).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(make(page)).toBeDisabled();
});

test("what is pointed at and clicked while the decoder loads is marked once it is there", async ({
  page,
}) => {
  await page.evaluate(() => caches.delete("gen3d-embeddings"));
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route("**/embedding.safetensors", (route) => arrived.then(() => route.continue()));
  await page.goto(served.url);
  await expect(page.locator("[data-decoder=loading]")).toBeVisible();
  await stage(page).hover({ position: await at(page, { x: 384, y: 300 }) });
  await click(page);
  await expect(page.locator("[data-decoder=loading]")).toBeVisible();
  arrive();
  await marks(page, 1);
  await expect(make(page)).toBeEnabled();
});

test("a decoder that is damaged or cannot be had is fetched anew, and no click is lost", async ({ page }) => {
  await click(page);
  await marks(page, 1);
  await page.evaluate(() => caches.delete("gen3d-embeddings"));
  await page.route("**/embedding.safetensors", (route) => route.fulfill({ body: "damaged" }), { times: 1 });
  await page.goto(served.url);
  await expect(page.getByRole("alert")).toContainText("damaged or incomplete");
  await page.route("**/embedding.safetensors", (route) => route.abort());
  await page.getByRole("button", { name: "Reload", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("could not be fetched");
  await click(page, { x: 384, y: 300 });
  await accessible(page);
  await page.unroute("**/embedding.safetensors");
  await page.getByRole("button", { name: "Reload", exact: true }).click();
  await marks(page, 2);
  await expect(make(page)).toBeEnabled();
});

test("where the decoder stops, what is focused stays; another object may be chosen while it is loaded anew", async ({
  page,
}) => {
  await page.addInitScript(() => {
    const post = Worker.prototype.postMessage as (message: object, ...rest: unknown[]) => void;
    Worker.prototype.postMessage = function (message: object, ...rest: unknown[]) {
      post.call(this, window.nonsense ? { ...message, wanted: undefined } : message, ...rest);
    };
  });
  await open(page);
  await click(page);
  await marks(page, 1);
  await page.keyboard.press("n");
  await page.keyboard.press("b");
  await drag(page, { x: 130, y: 80 }, { x: 640, y: 940 });
  await marks(page, 1, "Object 2");
  const whole = page.getByRole("radio", { name: /Whole/ });
  await expect(whole).toBeVisible();
  await page.evaluate(() => (window.nonsense = true));
  await whole.press(" ");
  await expect(page.getByRole("alert")).toContainText("has stopped");
  await expect(whole).toBeFocused();

  await page.evaluate(() => ((window.nonsense = false), caches.delete("gen3d-embeddings")));
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route("**/embedding.safetensors", (route) => arrived.then(() => route.continue()));
  await page.getByRole("button", { name: "Reload", exact: true }).click();
  await expect(page.locator("[data-decoder=loading]")).toBeVisible();
  await page.getByRole("button", { name: "Work on Object 1" }).click();
  await expect(page.getByRole("radio", { name: /Best guess/ })).toBeChecked();
  arrive();
  await expect(make(page)).toBeEnabled();
});

test("marks, photo and decoder are kept in the browser, the latter by their content", async ({ page }) => {
  await click(page);
  const share = await marks(page, 1);
  const asked: string[] = [];
  page.context().on("request", (request) => asked.push(new URL(request.url()).pathname));
  await open(page);
  expect(await marks(page, 1)).toBe(share);
  expect(asked.filter((path) => /safetensors|onnx$/.test(path))).toEqual([]);
});

test("where the graphics card cannot be used, the processor decodes, and the larger build is not fetched", async ({
  playwright,
}) => {
  const browser = await playwright.chromium.launch({
    ...(executable && { executablePath: executable }),
    // In software, without half precision.
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    const asked: string[] = [];
    page.context().on("request", (request) => asked.push(request.url()));
    await page.goto(new URL("files/session.json", served.url).href);
    expect(await page.evaluate(async () => Boolean(await navigator.gpu.requestAdapter()))).toBe(true);
    const kept = "gen3d-decodes-on";
    await page.evaluate(
      (it) => localStorage.setItem(it, JSON.stringify({ browser: navigator.userAgent, device: "gpu" })),
      kept,
    );
    await open(page);
    expect(await page.evaluate((it) => localStorage.getItem(it), kept)).toContain('"device":"cpu"');
    await click(page);
    await marks(page, 1);
    expect(asked.filter((url) => url.includes("threaded"))).toHaveLength(1);
    expect(asked.filter((url) => url.includes("asyncify"))).toEqual([]);
  } finally {
    await browser.close();
  }
});

test("on a phone a tap marks, two fingers zoom", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page);
  const box = (await stage(page).boundingBox())!;
  const place = await at(page, BOTTLE);
  await page.touchscreen.tap(box.x + place.x, box.y + place.y);
  await marks(page, 1);
  await fits(page);
  await accessible(page);
  const picture = () => stage(page).evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  const before = await picture();
  const client = await page.context().newCDPSession(page);
  // Decoding begins when the finger goes down, and is for nothing if it moves on.
  const previewed = page.locator("[data-hovered=fine]");
  const finger = { x: box.x + place.x, y: box.y + place.y - 100, id: 1 };
  await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [finger] });
  await expect(previewed).toBeVisible();
  const further = { ...finger, y: finger.y + 20 };
  await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [further] });
  await expect(previewed).toBeHidden();
  await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [finger] });
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  const fingers = (apart: number) => [
    { x: box.x + 180 - apart, y: box.y + 200, id: 1 },
    { x: box.x + 180 + apart, y: box.y + 200, id: 2 },
  ];
  await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: fingers(20) });
  for (const apart of [40, 80, 120])
    await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: fingers(apart) });
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await expect.poll(picture).not.toBe(before);
  await marks(page, 1);
});
