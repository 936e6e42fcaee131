/** What the browser tests share: a page that must not complain, people, and what every step must pass. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import AxeBuilder from "@axe-core/playwright";
import { expect, type BrowserContext, type Locator, type Page, test as base } from "@playwright/test";

import { Api } from "./api";
import { executable } from "./chromium";

const SCENE = new URL("../../../local/gen3d_local/demo_scene/", import.meta.url);
const TYPES = { "photo.jpg": "image/jpeg", "mask.png": "image/png" };
const MOST_TABS = 80;
export const PASSWORD = "Correct-horse-1234";

/** As a file input takes it. */
export interface File {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

type State = Awaited<ReturnType<BrowserContext["storageState"]>>;

interface Fixtures {
  /** What the page said that it should not have; a test that provokes something takes it out. */
  complaints: string[];
}

interface Shared {
  /** A browser in which the demo user has signed in, for `storageState`. */
  signedIn: State;
  /** The API as that user, for what a test needs and does not test. */
  api: Api;
}

export const test = base.extend<Fixtures, Shared>({
  complaints: [
    async ({ page }, use) => {
      test.skip(
        !executable,
        "NO CHROMIUM: the page was not tested. Install one: npx playwright install chromium",
      );
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (said) => {
        if (said.type() === "error" && !said.text().startsWith("Failed to load resource"))
          complaints.push(said.text());
      });
      page.on("request", (request) => {
        const { hostname, protocol } = new URL(request.url());
        const local = ["127.0.0.1", "localhost"].includes(hostname) || ["blob:", "data:"].includes(protocol);
        if (!local) complaints.push(`asked a third party: ${request.url()}`);
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
  signedIn: [
    async ({ browser }, use, { project }) => {
      const context = await browser.newContext({ baseURL: project.use.baseURL ?? "" });
      await signInAsDemoUser(await context.newPage());
      const state = await context.storageState();
      await context.close();
      await use(state);
    },
    { scope: "worker" },
  ],
  api: [
    async ({ signedIn, playwright }, use, { project }) => {
      const kept = signedIn.origins.flatMap(({ localStorage }) => localStorage);
      const token = kept.find(({ name }) => name.endsWith(".idToken"))?.value;
      if (!token) throw new Error("The demo user has no token.");
      const requests = await playwright.request.newContext({
        baseURL: project.use.baseURL ?? "",
        extraHTTPHeaders: { Authorization: token },
      });
      await use(new Api(requests));
      await requests.dispose();
    },
    { scope: "worker" },
  ],
});

export { expect };

/** A file of the demo scene. */
export function scene(name: keyof typeof TYPES): File {
  return { name, mimeType: TYPES[name], buffer: readFileSync(new URL(name, SCENE)) };
}

/** A small photo, which costs little to send and to prepare. */
export async function drawn(page: Page, name: string, width = 160, height = 120): Promise<File> {
  const address = await page.evaluate(
    async ([width, height]) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      if (!context) throw new Error("no context");
      context.fillRect(width / 4, height / 4, width / 2, height / 2);
      const reader = new FileReader();
      reader.readAsDataURL(await canvas.convertToBlob({ type: "image/png" }));
      await new Promise((read) => (reader.onload = read));
      return String(reader.result);
    },
    [width, height] as const,
  );
  return { name, mimeType: "image/png", buffer: Buffer.from(address.split(",")[1] ?? "", "base64") };
}

/** Orders the local cloud's endpoint to go wrong with its next request: `gen3d misbehave`. */
export async function misbehave(...order: string[]): Promise<void> {
  const frontend = fileURLToPath(new URL("../../", import.meta.url));
  await promisify(execFile)("../.venv/bin/gen3d", ["misbehave", ...order], {
    cwd: frontend,
    env: { ...process.env, GEN3D_STATE: "../.gen3d/browser" },
  });
}

export async function signInAsDemoUser(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "Continue as the demo user" }).click();
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
}

/** The code in the newest mail to somebody. */
export async function codeTo(page: Page, email: string): Promise<string> {
  const reply = await page.request.get("/mail");
  const mail = (await reply.text()).split("<hr>").find((mail) => mail.includes(email)) ?? "";
  const code = /\b\d{6}\b/.exec(mail)?.[0];
  if (!code) throw new Error(`no code in: ${mail}`);
  return code;
}

/** Goes there by the Tab key alone. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let tabs = 0; tabs < MOST_TABS; tabs++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`The Tab key does not reach ${target}.`);
}

/** Goes there by the Tab key, and presses Enter. */
export async function enter(page: Page, target: Locator): Promise<void> {
  await tabTo(page, target);
  await expect(target).toBeEnabled();
  await page.keyboard.press("Enter");
}

/** WCAG 2.2 AA, as far as a machine can tell; in the dark too, where only colours are others. */
export async function accessible(page: Page): Promise<void> {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  await conforms(new AxeBuilder({ page }).withTags(tags));
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" }); // at once, not by and by
  await conforms(new AxeBuilder({ page }).withRules(["color-contrast", "link-in-text-block"]));
  await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
}

async function conforms(axe: AxeBuilder): Promise<void> {
  const { violations } = await axe.analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n  ")}`);
  expect(said).toEqual([]);
}

/** No sideways scrolling: everything is on the screen. */
export async function fits(page: Page): Promise<void> {
  const { scrolled, wide } = await page.evaluate(() => ({
    scrolled: document.documentElement.scrollWidth,
    wide: innerWidth,
  }));
  expect(scrolled).toBeLessThanOrEqual(wide);
}
