import { accessible, expect, fits, openSample, scene, signInAsDemoUser, test } from "./test";

test.beforeEach(async ({ page }) => signInAsDemoUser(page));

test("several photos make several sessions; what is no photo is refused before it is sent", async ({
  page,
}) => {
  await accessible(page);
  await page.setInputFiles("input[type=file][multiple]", [
    scene("photo.jpg"),
    scene("mask.png"),
    { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo at all") },
    { name: "phone.heic", mimeType: "image/heic", buffer: Buffer.from("\0\0\0\x18ftypheic\0\0\0\0") },
  ]);
  const list = page.getByRole("listitem");
  await expect(list.filter({ hasText: "notes.jpg" })).toContainText("no photo that we can read");
  await expect(list.filter({ hasText: "phone.heic" })).toContainText("Most Compatible");
  await expect(page.getByRole("link", { name: "Open" })).toHaveCount(2);
  await accessible(page);
  await page.getByRole("link", { name: "Open" }).first().click();
  await page.waitForURL(/\/sessions\/ses_/);
});

test("a photo over the limit is made smaller, and that is said", async ({ page }) => {
  const huge = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(9000, 900);
    const context = canvas.getContext("2d");
    if (context) context.fillRect(0, 0, 10, 10);
    const blob = await canvas.convertToBlob({ type: "image/png" });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  const wide = { name: "wide.png", mimeType: "image/png", buffer: Buffer.from(huge) };
  await page.setInputFiles("input[type=file][multiple]", [wide, scene("photo.jpg")]);
  await expect(page.getByText("from 9000 × 900 to 4096 × 410 pixels")).toBeVisible();
});

test("a photo is pasted, and a lost network only makes it wait", async ({ page, context }) => {
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
});

test("a photo is found, renamed, deleted, and comes back", async ({ page }) => {
  const address = await openSample(page);
  await page.getByRole("link", { name: "History" }).click();
  const card = page
    .getByRole("article")
    .filter({ has: page.locator(`a[href="${new URL(address).pathname}"]`) });
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

test("an address of nothing says so", async ({ page }) => {
  await page.goto("/sessions/ses_01ARZ3NDEKTSV4RRFFQ69G5FAV");
  await expect(page.getByText("does not exist, or was deleted")).toBeVisible();
  await page.goto("/elsewhere");
  await expect(page.getByText("nothing at this address")).toBeVisible();
  await accessible(page);
});

test("a phone shows all of it, however long a name is", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
  await openSample(page);
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
