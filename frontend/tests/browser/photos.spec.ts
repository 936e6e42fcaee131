import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { Page } from "@playwright/test";

import type { CreatedSession } from "../../src/api/types";
import { accessible, drawn, expect, fits, scene, test, type File } from "./test";

test.use({ storageState: ({ signedIn }, use) => use(signedIn) });

const NOTES = { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo at all") };
const MANY = "input[type=file][multiple]";
const ONE = "input[type=file]:not([multiple]):not([capture])";

/** Drags files over the page and lets them go. */
async function drop(page: Page, ...files: File[]): Promise<void> {
  const carried = await page.evaluateHandle(
    (files) => {
      const carried = new DataTransfer();
      for (const { name, mimeType, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        carried.items.add(new File([bytes], name, { type: mimeType }));
      }
      return carried;
    },
    files.map(({ buffer, ...it }) => ({ ...it, base64: buffer.toString("base64") })),
  );
  await expect(async () => {
    await page.dispatchEvent("main", "dragover", { dataTransfer: carried }); // again and again, as a browser does
    await expect(page.getByText("Drop to upload")).toBeVisible({ timeout: 500 });
  }).toPass();
  await page.dispatchEvent("main", "drop", { dataTransfer: carried });
}

test("several photos, dropped, make several sessions; what is no photo is refused before it is sent", async ({
  page,
}) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
  await accessible(page);
  await drop(page, await drawn(page, "one.png"), await drawn(page, "two.png"), NOTES, {
    name: "phone.heic",
    mimeType: "image/heic",
    buffer: Buffer.from("\0\0\0\x18ftypheic\0\0\0\0"),
  });
  const list = page.getByRole("listitem");
  await expect(list.filter({ hasText: "notes.jpg" })).toContainText("no photo that we can read");
  await expect(list.filter({ hasText: "phone.heic" })).toContainText("Most Compatible");
  await expect(page.getByRole("link", { name: "Open" })).toHaveCount(2);
  await accessible(page);
  await page.getByRole("link", { name: "Open" }).first().click();
  await page.waitForURL(/\/sessions\/ses_/);
});

test("a photo over the limit is made smaller, and that is said", async ({ page }) => {
  await page.goto("/");
  await page.setInputFiles(MANY, [await drawn(page, "wide.png", 9000, 900), NOTES]);
  await expect(page.getByText("from 9000 × 900 to 4096 × 410 pixels")).toBeVisible();
});

test("a photo is pasted; a lost network only makes it wait, and a lost answer makes no second session", async ({
  page,
  context,
}) => {
  const made: string[] = [];
  await page.route("**/api/sessions", async (route) => {
    const response = await route.fetch();
    made.push(((await response.json()) as CreatedSession).session_id);
    return made.length > 1 ? route.fulfill({ response }) : route.abort();
  });
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByText("You are offline.")).toBeVisible();
  await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 128;
    canvas.getContext("2d")?.fillRect(20, 20, 60, 60);
    canvas.toBlob((blob) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([blob ?? ""], "pasted.png", { type: "image/png" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
    });
  });
  await expect(page.getByText("pasted.png")).toBeVisible();
  await context.setOffline(false);
  await page.waitForURL(/\/sessions\/ses_/);
  expect(made).toEqual([made[0], made[0]]);
  expect(page.url()).toContain(made[0]);
});

test("a page that is closed goes on where it was: while a dropped photo is sent, refused, and prepared", async ({
  page,
}) => {
  await page.goto("/");
  let hold = true; // the photo is not let through to S3
  await page.route("**/*", (route) => {
    const type = route.request().headers()["content-type"] ?? "";
    return hold && type.startsWith("multipart/form-data") ? undefined : route.continue();
  });
  await drop(page, scene("photo.jpg"));
  await page.waitForURL(/\/sessions\/ses_/);
  await expect(page.getByText("Uploading")).toBeVisible();
  hold = false;
  await page.reload();
  await expect(page.getByText("This photo was not uploaded. Choose it again.")).toBeVisible();
  await accessible(page);

  // Whoever looks at the first picture of an animation alone finds nothing wrong with it.
  await page.setInputFiles(ONE, animation());
  const refused = page.getByRole("alert").filter({ hasText: "The file holds several pictures." });
  await expect(refused).toContainText("Upload a single still photo.");
  await page.reload();
  await expect(refused).toBeVisible();
  await accessible(page);

  await page.setInputFiles(ONE, await drawn(page, "small.png"));
  const preparing = page.getByText("Preparing the photo");
  await expect(preparing).toBeVisible();
  await page.reload();
  await expect(preparing.or(page.getByLabel("The photo", { exact: true })).first()).toBeVisible();
  await expect(page.locator("[data-decoder=ready]")).toBeVisible({ timeout: 60_000 });
});

test("a photo is found, renamed, deleted, and comes back", async ({ page, api }) => {
  await page.goto("/");
  const session = await api.session(await drawn(page, "found.png"));
  await page.getByRole("link", { name: "History" }).click();
  const card = page.getByRole("article").filter({ has: page.locator(`a[href="/sessions/${session}"]`) });
  await card.getByRole("button", { name: /More for/ }).click();
  await expect(page.getByRole("menuitem", { name: "Rename" })).toBeFocused();
  await page.keyboard.press("Enter");
  const name = `Bottle <b>${Date.now()}</b>`;
  await page.getByLabel("Name", { exact: true }).fill(name);
  await accessible(page);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.getByLabel("Search").fill(name.toLowerCase());
  await expect(page.getByRole("article")).toHaveCount(1);
  await expect(page.getByRole("link", { name })).toBeVisible();
  await accessible(page);

  await card.getByRole("button", { name: /More for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("link", { name })).toBeVisible();
  await card.getByRole("button", { name: /More for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Deleted photos" }).click();
  await accessible(page);
  await page.getByRole("article").filter({ hasText: name }).getByRole("button", { name: "Restore" }).click();
  await page.getByRole("button", { name: "Back to your photos" }).click();
  await expect(page.getByRole("link", { name })).toBeVisible();
});

test("a part of the page that a lost network withholds comes by itself, with its style", async ({
  page,
  context,
}) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
  await context.setOffline(true);
  await page.getByRole("link", { name: "History" }).click();
  await expect(page.getByText("A part of the page could not be loaded.")).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByLabel("Search")).toBeVisible();
  await expect(page.locator(".history-search")).toHaveCSS("max-width", "384px");
});

test("what nobody expected is reported, if the person wants that", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
  // As a browser tells it; of what is thrown by a test's own script it tells nothing.
  await page.evaluate(() => dispatchEvent(new ErrorEvent("error", { error: new Error("Out of ideas") })));
  const sent = page.waitForRequest("**/api/client-errors");
  await page.getByRole("button", { name: "Send a report" }).click();
  expect((await sent).postDataJSON()).toMatchObject({ message: "Out of ideas", page: "/" });
  await expect(page.getByText("The report is with us.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Send a report" })).toBeHidden();
});

test("an address of nothing says so", async ({ page }) => {
  await page.goto("/sessions/ses_01ARZ3NDEKTSV4RRFFQ69G5FAV");
  await expect(page.getByText("does not exist, or was deleted")).toBeVisible();
  await page.goto("/elsewhere");
  await expect(page.getByText("nothing at this address")).toBeVisible();
  await accessible(page);
});

test.describe("a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });

  test("takes a photo, and shows all of it, however long a name is", async ({ page }) => {
    await page.goto("/");
    await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
    await expect(page.getByText("Your photos")).toBeVisible(); // nothing is dropped with a finger
    await fits(page);
    const opened = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Take a photo" }).click();
    const camera = await opened;
    expect(await camera.element().getAttribute("capture")).toBe("environment");
    await camera.setFiles(await drawn(page, "small.png"));
    await page.waitForURL(/\/sessions\/ses_/);
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Rename the photo" }).click();
    const name = "A name without end ".repeat(5).trim();
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { name })).toBeVisible();
    await fits(page);
    await page.getByRole("link", { name: "History" }).click();
    await expect(page.getByRole("link", { name })).toBeVisible();
    await fits(page);
  });
});

/** A PNG of two pictures. */
function animation(): File {
  const program = [
    "import sys; from PIL import Image",
    "one, two = (Image.new('RGB', (128, 128), colour) for colour in ('red', 'blue'))",
    "one.save(sys.stdout.buffer, 'PNG', save_all=True, append_images=[two])",
  ].join("\n");
  const python = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
  return { name: "two.png", mimeType: "image/png", buffer: execFileSync(python, ["-c", program]) };
}
