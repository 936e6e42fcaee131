/**
 * Step 3 on the demo's photo: from the release of the mouse to the mask on the screen. The weight-free segmenter's
 * decoder, with threads (an isolated page) and without.
 */
import { cpus } from "node:os";

import { expect, test, type Page } from "@playwright/test";

import { serveSelect } from "../tests/browser/fixtures/select/serve";
import { percentile, tell, type Row } from "./figures";

const CLICKS = Number(process.env["CLICKS"] ?? 30);
const rows: Row[] = [];

declare global {
  interface Window {
    /** From the last input to the frame that shows its mask. */
    took: number[];
    hovered: number[];
    longest: number;
  }
}

for (const threads of [true, false]) {
  test(threads ? "with threads" : "one thread", async ({ browser }) => {
    const served = await serveSelect(threads);
    try {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      await page.addInitScript(watch);
      const firstLoadMs = await load(page, served.url);
      const cachedLoadMs = await load(page, served.url);
      const box = (await page.getByLabel("The photo", { exact: true }).boundingBox())!;
      const [middle, down] = [box.x + box.width / 2, box.y + box.height / 2];
      await page.evaluate(() => (window.longest = 0));
      for (let i = 0; i < CLICKS; i++) {
        const place = [middle + 70 * Math.sin(2.4 * i), down + 150 * Math.cos(1.7 * i)] as const;
        if (i % 5 === 0) await page.keyboard.press("x"); // no more than five clicks at once, as people do
        await page.mouse.move(...place);
        await expect.poll(() => page.evaluate(() => window.hovered.length)).toBeGreaterThan(i);
        await page.mouse.click(...place);
        await expect.poll(() => page.evaluate(() => window.took.length)).toBeGreaterThan(i);
      }
      const told = await page.evaluate(() => [window.took, window.hovered, [window.longest]] as const);
      const [clicks, hovers, [longest = 0]] = told;
      rows.push({
        decoder: threads ? "with threads" : "one thread",
        "first load": firstLoadMs,
        again: cachedLoadMs,
        "click p50": Math.round(percentile(clicks, 0.5)),
        "click p95": Math.round(percentile(clicks, 0.95)),
        "hover p50": Math.round(percentile(hovers, 0.5)),
        "hover p95": Math.round(percentile(hovers, 0.95)),
        "longest task": Math.round(longest),
      });
    } finally {
      await served.close();
    }
  });
}

test.afterAll(() =>
  tell("select", `From the mouse to the painted mask, weight-free decoder, ${cpus().length} cores, ms`, rows),
);

async function load(page: Page, url: string): Promise<number> {
  const start = performance.now();
  await page.goto(url);
  await page.locator("[data-decoder=ready]").waitFor();
  return Math.round(performance.now() - start);
}

/** In the page. The outline and its sentence are rendered together: the next frame shows both. */
function watch(): void {
  window.took = [];
  window.hovered = [];
  window.longest = 0;
  let released = 0;
  let moved = 0;
  addEventListener("pointerup", (event) => (released = event.timeStamp), true);
  addEventListener("pointermove", (event) => (moved = event.timeStamp), true);
  const painted = (since: number, into: number[]) =>
    requestAnimationFrame(() => setTimeout(() => into.push(performance.now() - since)));
  let marks = "";
  new MutationObserver(() => {
    const told = document.querySelector("p[role=status]")?.textContent ?? "";
    if (told !== marks && / of the photo/.test(told)) {
      if (released) painted(released, window.took);
      released = 0;
    }
    marks = told;
    const stage = document.querySelector("[data-hovered]");
    if (moved && stage && !released) {
      painted(moved, window.hovered);
      moved = 0;
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
  }).observe({ type: "longtask" });
}
