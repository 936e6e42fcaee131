/**
 * Step 3 on the demo's photo, from the mouse to the painted mask, with threads (an isolated page) and without. With
 * the weight-free segmenter's decoder and, where SAM_SHAPED names a folder of exported graphs (`make bench-models`),
 * with SAM 3's on random weights: as one graph and as three, in turn.
 */
import { cpus } from "node:os";
import { join, resolve } from "node:path";

import { test, type Browser, type Page } from "@playwright/test";

import { classical, python, serveSelect, type Embed } from "../tests/browser/fixtures/select/serve";
import { percentile, tell, type Row } from "./figures";

const ROOT = join(import.meta.dirname, "../..");
const SAM_SHAPED = process.env["SAM_SHAPED"];
const ROUNDS = Number(process.env["ROUNDS"] ?? 8);
const CLICKS = 4; // a round, at one object
const LOOK_MS = 250; // at a new mask, before the mouse goes on
const PRESS_MS = 80; // that a person's finger stays down at least; decoding begins when it goes down
const rows: Row[] = [];

declare global {
  interface Window {
    /** Ms from an input to the frame that shows its mask. */
    clicked: number[];
    hovered: number[];
    /** Once there are more than `count` of them: asking again and again would take the time that is measured. */
    more: (of: "clicked" | "hovered", count: number) => Promise<void>;
  }
}

/** Of Chromium's traces, which hold far more. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Microseconds of CPU. */
  tdur?: number;
  args: { name?: string };
}

const decoders: Record<string, Embed> = { "weight-free": classical };
if (SAM_SHAPED)
  for (const form of ["single", "split"])
    decoders[`SAM-shaped, ${form === "single" ? "one graph" : "three graphs"}`] = (folder, photo) =>
      python(join(import.meta.dirname, "sam_shaped.py"), folder, photo, resolve(ROOT, SAM_SHAPED), form);

for (const threads of [true, false]) {
  test(threads ? "with threads" : "one thread", async ({ browser }) => {
    const served = await serveSelect(threads, decoders);
    try {
      const pages = new Map<string, { page: Page; loads: Row }>();
      for (const decoder of Object.keys(decoders)) {
        // Each with a storage of its own: tabs of one browser take over each other's marks.
        const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, hasTouch: true });
        await page.addInitScript(watch);
        const url = `${served.url}?files=${decoder}`;
        pages.set(decoder, { page, loads: { load: await load(page, url), again: await load(page, url) } });
      }
      for (let round = 0; round < ROUNDS; round++)
        for (const { page } of pages.values()) await mark(page, round);
      for (let round = ROUNDS; round < 2 * ROUNDS; round++)
        for (const { page } of pages.values()) await mark(page, round, PRESS_MS);
      for (const [decoder, { page, loads }] of pages) {
        const longest = await longestTask(browser, page, 2 * ROUNDS);
        rows.push({ ...(await row(page, decoder, threads, loads)), "longest task": longest });
      }
    } finally {
      await served.close();
    }
  });
}

test.afterAll(() =>
  tell("select", `From the mouse to the painted mask, ${cpus().length} cores, ms`, compared(rows)),
);

/**
 * One object: each time the mouse hovers, and a finger taps elsewhere, where no preview has done the work. press: ms
 * that it stays down.
 */
async function mark(page: Page, round: number, press = 0): Promise<void> {
  await page.bringToFront();
  const box = (await page.getByLabel("The photo", { exact: true }).boundingBox())!;
  const [middle, down] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.keyboard.press("x");
  for (let i = 0; i < CLICKS; i++) {
    const done = CLICKS * round + i;
    const [x, y] = [70 * Math.sin(2.4 * done), 150 * Math.cos(1.7 * done)];
    await page.mouse.move(middle - x, down - y);
    await page.evaluate((it) => window.more("hovered", it), done);
    await page.locator("[data-hovered=fine]").waitFor();
    const painted = page.evaluate((it) => window.more("clicked", it), done);
    await tap(page, middle + x, down + y, press);
    await painted;
    await page.waitForTimeout(LOOK_MS);
  }
}

async function tap(page: Page, x: number, y: number, press: number): Promise<void> {
  if (!press) return page.touchscreen.tap(x, y);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
  await page.waitForTimeout(press);
  await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await devtools.detach();
}

/** CPU ms of the longest task of the page's own thread in one more round: wall time tells of other processes, too. */
async function longestTask(browser: Browser, page: Page, round: number): Promise<number> {
  // Tasks with what ends them, as the drawing of a canvas does.
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline"] });
  await mark(page, round);
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const thread = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const named = trace.traceEvents.filter(({ name }) => name === "thread_name");
  const pages = new Set(named.filter(({ args }) => args.name === "CrRendererMain").map(thread));
  const tasks = trace.traceEvents.filter((it) => it.name === "RunTask" && pages.has(thread(it)));
  return Math.round(Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000);
}

async function row(page: Page, decoder: string, threads: boolean, loads: Row): Promise<Row> {
  const [all, hovered] = await page.evaluate(() => [window.clicked, window.hovered] as const);
  const clicked = all.slice(0, CLICKS * ROUNDS);
  const pressed = all.slice(CLICKS * ROUNDS, 2 * CLICKS * ROUNDS);
  const first = (times: readonly number[]) => times.filter((_, i) => i % CLICKS === 0);
  const next = (times: readonly number[]) => times.filter((_, i) => i % CLICKS !== 0);
  const p = (times: readonly number[], share: number) => Math.round(percentile(times, share));
  return {
    decoder,
    threads: threads ? Math.min(cpus().length, 4) : 1,
    ...loads,
    "first click p50": p(first(clicked), 0.5),
    "first p95": p(first(clicked), 0.95),
    "next clicks p50": p(next(clicked), 0.5),
    "next p95": p(next(clicked), 0.95),
    "first, pressed p50": p(first(pressed), 0.5),
    "first, pressed p95": p(first(pressed), 0.95),
    "next, pressed p50": p(next(pressed), 0.5),
    "next, pressed p95": p(next(pressed), 0.95),
    "hover p50": p(hovered, 0.5),
    "hover p95": p(hovered, 0.95),
  };
}

/** Three graphs as a share of the one, of the same run. */
function compared(measured: readonly Row[]): Row[] {
  const forms = measured.filter(({ decoder }) => decoder !== "weight-free");
  const ratios = forms.flatMap((three, i) => {
    const one = forms[i - 1];
    if (i % 2 === 0 || !one) return [];
    const share = (of: string) => Math.round((100 * Number(three[of])) / Number(one[of])) / 100;
    const parts = ["first click p50", "next clicks p50", "hover p50"];
    return {
      decoder: "three graphs / one",
      threads: three["threads"]!,
      ...Object.fromEntries(parts.map((it) => [it, share(it)])),
    };
  });
  return [...measured, ...ratios];
}

async function load(page: Page, url: string): Promise<number> {
  const start = performance.now();
  await page.goto(url);
  await page.locator("[data-decoder=ready]").waitFor();
  return Math.round(performance.now() - start);
}

/** In the page. The outline and its sentence are rendered together: the next frame shows both. */
function watch(): void {
  window.clicked = [];
  window.hovered = [];
  let waiting: (() => void)[] = [];
  window.more = (of, count) =>
    new Promise((resolve) => {
      const look = (): void => void (window[of].length > count ? resolve() : waiting.push(look));
      look();
    });
  let released = 0;
  let moved = 0;
  addEventListener("pointerup", (event) => (released = event.timeStamp), true);
  addEventListener("pointermove", (event) => (moved = event.timeStamp), true);
  const painted = (since: number, into: number[]) =>
    requestAnimationFrame(() =>
      setTimeout(() => {
        into.push(performance.now() - since);
        const looks = waiting;
        waiting = [];
        for (const look of looks) look();
      }),
    );
  let said = "";
  new MutationObserver(() => {
    const told = document.querySelector("p[role=status]")?.textContent ?? "";
    if (released && told !== said && told.startsWith("Object 1: ")) {
      painted(released, window.clicked);
      released = 0;
    }
    said = told;
    if (moved && document.querySelector("[data-hovered]")) {
      painted(moved, window.hovered);
      moved = 0;
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
}
