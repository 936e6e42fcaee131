import { gzipSync } from "node:zlib";

import { accessible, codeTo, expect, PASSWORD, test } from "./test";

test("from sign-up by the code in the mail to a new password", async ({ page }) => {
  const email = `ada-${Date.now()}@example.com`;
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill("too weak password");
  await expect(page.getByText("At least 12 characters")).toHaveClass("field-error");
  await page.getByLabel("Password").fill(PASSWORD);
  await accessible(page);
  await page.getByRole("button", { name: "Create the account" }).click();

  await expect(page.getByLabel("Code")).toBeFocused();
  await page.getByLabel("Code").fill("000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByRole("alert")).toContainText("not the one in the mail");
  await accessible(page);
  await page.getByLabel("Code").fill(await codeTo(page, email));
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();

  await page.reload();
  await expect(page.getByRole("heading", { name: "Start with a photo" })).toBeVisible();
  await page.evaluate(async () => {
    localStorage.setItem("gen3d-marks-ses_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{}");
    await caches.open("gen3d-embeddings");
  });
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  const kept = () => page.evaluate(async () => [...Object.keys(localStorage), ...(await caches.keys())]);
  expect(await kept()).toEqual([]);

  await page.getByRole("button", { name: "Forgotten password" }).click();
  await expect(page.getByRole("button", { name: "Send the code" })).toBeVisible();
  await accessible(page);
  await page.getByLabel("Email").fill(email);
  await page.getByRole("button", { name: "Send the code" }).click();
  await expect(page.getByLabel("Code")).toBeFocused();
  await accessible(page);
  await page.getByLabel("Code").fill(await codeTo(page, email));
  await page.getByLabel("Password").fill(`New-${PASSWORD}`);
  await page.getByRole("button", { name: "Save and sign in" }).click();
  await expect(page.getByRole("banner")).toContainText(email);
});

test("a wrong password is refused, and nobody learns who has an account", async ({ page }) => {
  await page.goto("/");
  for (const email of ["demo@gen3d.example", "nobody@example.com"]) {
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Password").fill("Wrong-horse-1234");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByRole("alert")).toHaveText(/^Email or password is wrong/);
  }
});

test("an address is kept through signing in, without a token in it; the page is isolated, for the decoder's threads", async ({
  page,
}) => {
  await page.goto("/sessions");
  await page.getByRole("button", { name: "Continue as the demo user" }).click();
  await expect(page.getByRole("heading", { name: "Your photos", exact: true })).toBeVisible();
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(new URL(page.url()).search + new URL(page.url()).hash).toBe("");
});

test("signing in needs at most 70 kB of code", async ({ page }) => {
  const scripts: Promise<Buffer>[] = [];
  page.on("response", (reply) => {
    if (reply.request().resourceType() !== "script") return;
    expect(reply.headers()["content-encoding"]).toBe("br"); // as the build has compressed it
    scripts.push(reply.body());
  });
  await page.goto("/", { waitUntil: "networkidle" });
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  const bytes = (await Promise.all(scripts)).reduce((sum, body) => sum + gzipSync(body).length, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThanOrEqual(70_000);
});
