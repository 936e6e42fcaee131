/**
 * Step 3 on the demo's photo, from the mouse to the painted mask, with threads (an isolated page) and without. With
 * the weight-free segmenter's decoder and, where SAM_SHAPED names a folder of exported graphs (`make bench-models`),
 * with SAM 3's on random weights: as one graph and as three, in turn.
 *
 * A click is measured from the release of a finger to the frame of the first mask of its object, coarse or fine, and
 * ("crisp") to that of the fine one; a decoder without a coarse way has one mask, and both are the same. Pressed: the
 * finger stays down, and decoding begins when it goes down. A hover is measured from the move to its first preview.
 *
 * Three graphs as a share of the one: only they have a coarse way, so that of the first mask divides a coarse one by a
 * fine one, and that of the crisp mask a fine one by a fine one.
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

/** Of a click the first mask, coarse or fine, and the fine one; of a move the first preview. */
type Measured = "clicked" | "crisp" | "hovered";

declare global {
  interface Window {
    /** Ms from an input to the frame that shows what it made. */
    took: Record<Measured, number[]>;
    /** Once there are more than `count` of them: asking again and again would take the time that is measured. */
    more: (of: Measured, count: number) => Promise<void>;
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
    const painted = page.evaluate((it) => window.more("crisp", it), done);
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
  const { clicked, crisp, hovered } = await page.evaluate(() => window.took);
  const taps = (times: readonly number[]) => times.slice(0, CLICKS * ROUNDS);
  const presses = (times: readonly number[]) => times.slice(CLICKS * ROUNDS, 2 * CLICKS * ROUNDS);
  return {
    decoder,
    threads: threads ? Math.min(cpus().length, 4) : 1,
    ...loads,
    ...clicks("", taps(clicked)),
    ...clicks(", crisp", taps(crisp)),
    ...clicks(", pressed", presses(clicked)),
    ...clicks(", pressed, crisp", presses(crisp)),
    ...percentiles("hover", hovered),
  };
}

function clicks(how: string, times: readonly number[]): Row {
  const first = times.filter((_, i) => i % CLICKS === 0);
  const next = times.filter((_, i) => i % CLICKS !== 0);
  return {
    ...percentiles(`first click${how}`, first),
    ...percentiles(`next clicks${how}`, next),
  };
}

function percentiles(name: string, times: readonly number[]): Row {
  const p = (share: number) => Math.round(percentile(times, share));
  return { [`${name} p50`]: p(0.5), [`${name} p95`]: p(0.95) };
}

/** Three graphs as a share of the one, of the same run. */
function compared(measured: readonly Row[]): Row[] {
  const forms = measured.filter(({ decoder }) => decoder !== "weight-free");
  const ratios = forms.flatMap((three, i) => {
    const one = forms[i - 1];
    if (i % 2 === 0 || !one) return [];
    const share = (of: string) => Math.round((100 * Number(three[of])) / Number(one[of])) / 100;
    const parts = Object.keys(three).filter((it) => it.endsWith(" p50"));
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

/** In the page. An outline and the attribute that tells of it are rendered together: the next frame shows both. */
function watch(): void {
  window.took = { clicked: [], crisp: [], hovered: [] };
  const since: Partial<Record<Measured, number>> = {};
  let waiting: (() => void)[] = [];
  window.more = (of, count) =>
    new Promise((resolve) => {
      const look = (): void => void (window.took[of].length > count ? resolve() : waiting.push(look));
      look();
    });
  addEventListener("pointerup", ({ timeStamp }) => (since.clicked = since.crisp = timeStamp), true);
  const moves = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove"; // whichever the page goes by
  addEventListener(moves, ({ timeStamp }) => (since.hovered = timeStamp), true);
  const painted = (of: Measured) => {
    const begun = since[of];
    delete since[of];
    if (begun === undefined) return;
    requestAnimationFrame(() =>
      setTimeout(() => {
        window.took[of].push(performance.now() - begun);
        const looks = waiting;
        waiting = [];
        for (const look of looks) look();
      }),
    );
  };
  new MutationObserver(() => {
    const step = document.querySelector<HTMLElement>("[data-decoder]")?.dataset;
    if (step?.["outlined"]) painted("clicked");
    if (step?.["outlined"] === "fine") painted("crisp");
    if (step?.["hovered"]) painted("hovered");
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
}
