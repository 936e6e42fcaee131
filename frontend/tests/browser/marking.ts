/** A person's hands and eyes at step 3, on the demo's photo. */
import type { Locator, Page } from "@playwright/test";

import { expect, scene } from "./test";

const PHOTO = { width: 768, height: 1024 };
export const BOTTLE = { x: 384, y: 600 };
export const CORNER = { x: 60, y: 60 };

export const stage = (page: Page): Locator => page.getByLabel("The photo", { exact: true });
export const told = (page: Page): Locator => page.locator("p[role=status]");
export const make = (page: Page): Locator => page.getByRole("button", { name: /^Make/ });

/** Where a place of the photo lies on the stage, as long as nobody has zoomed. */
export async function at(page: Page, { x, y }: { x: number; y: number }): Promise<{ x: number; y: number }> {
  const box = (await stage(page).boundingBox())!;
  const scale = Math.min((box.width - 32) / PHOTO.width, (box.height - 32) / PHOTO.height);
  return {
    x: (box.width - PHOTO.width * scale) / 2 + x * scale,
    y: (box.height - PHOTO.height * scale) / 2 + y * scale,
  };
}

export async function click(
  page: Page,
  place = BOTTLE,
  options: Parameters<Locator["click"]>[0] = {},
): Promise<void> {
  await stage(page).click({ position: await at(page, place), ...options });
}

export async function drag(page: Page, from: typeof BOTTLE, to: typeof BOTTLE): Promise<void> {
  const box = (await stage(page).boundingBox())!;
  const [a, b] = [await at(page, from), await at(page, to)];
  await page.mouse.move(box.x + a.x, box.y + a.y);
  await page.mouse.down();
  await page.mouse.move(box.x + b.x, box.y + b.y, { steps: 6 });
  await page.mouse.up();
}

/** Marks made so far, of the object spoken of last. */
export async function marks(page: Page, count: number, name = "Object 1"): Promise<number> {
  await expect(told(page)).toHaveText(new RegExp(`^${name}: ${count} marks?, `));
  return Number(/(\d+) % of the photo/.exec((await told(page).textContent()) ?? "")?.[1]);
}

export interface Made {
  name: string;
  inside: number;
  overlap: number;
  clicks: number;
  refinements: number;
}

/** Presses the button; the masks that it gives, compared with the demo's true one. */
export async function made(page: Page): Promise<Made[]> {
  await make(page).click();
  await page.waitForFunction(() => window.made !== undefined);
  const truth = scene("mask.png").buffer.toString("base64");
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes]));
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d")!;
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, picture.width, picture.height);
    return (window.made ?? []).map(({ name, mask, width, height, clicks, refinements }) => {
      if (width !== picture.width || height !== picture.height) throw new Error(`${width} x ${height}`);
      let [inside, both, either] = [0, 0, 0];
      for (let i = 0; i < mask.length; i++) {
        const [ours, theirs] = [mask[i] === 1, data[4 * i]! > 127];
        if (ours) inside++;
        if (ours && theirs) both++;
        if (ours || theirs) either++;
      }
      return { name, inside: inside / mask.length, overlap: both / either, clicks, refinements };
    });
  }, truth);
}
