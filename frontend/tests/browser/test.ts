/** What the browser tests share: a page that must not complain, people, and what every step must pass. */
import { readFileSync } from "node:fs";

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test as base } from "@playwright/test";

import { executable } from "./chromium";

const SCENE = new URL("../../../local/gen3d_local/demo_scene/", import.meta.url);
const TYPES = { "photo.jpg": "image/jpeg", "mask.png": "image/png" };
export const PASSWORD = "Correct-horse-1234";

interface Fixtures {
  /** What the page said that it should not have; a test that provokes something takes it out. */
  complaints: string[];
}

export const test = base.extend<Fixtures>({
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
});

export { expect };

/** A file of the demo scene, as a file input takes it. */
export function scene(name: keyof typeof TYPES): { name: string; mimeType: string; buffer: Buffer } {
  return { name, mimeType: TYPES[name], buffer: readFileSync(new URL(name, SCENE)) };
}

export async function signInAsDemoUser(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "Continue as the demo user" }).click();
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
}

/** Uploads the bundled sample and waits until it can be clicked. Returns the session's address. */
export async function openSample(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.waitForURL(/\/sessions\/ses_/);
  await expect(page.getByRole("heading", { name: "sample.jpg" })).toBeVisible();
  return page.url();
}

/** The newest mail to somebody. */
export async function mailTo(page: Page, email: string): Promise<string> {
  const reply = await page.request.get("/mail");
  const mails = (await reply.text()).split("<hr>").filter((mail) => mail.includes(email));
  return mails[0] ?? "";
}

/** WCAG 2.2 AA, as far as a machine can tell. */
export async function accessible(page: Page): Promise<void> {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
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
