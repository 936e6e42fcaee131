// From a marked object to a model in hand, on a real local cloud.
import { readFileSync } from "node:fs";

import { accessible, expect, fits, openSample, signInAsDemoUser, test } from "./test";

test("an object becomes a model that is seen, taken along and made again", async ({ page }) => {
  test.setTimeout(400_000);
  const slow = { timeout: 120_000 };
  await page.setViewportSize({ width: 900, height: 700 });
  await signInAsDemoUser(page);
  await openSample(page);

  // A click in the middle of the photo, where the sample's object is.
  const photo = page.getByLabel("The photo", { exact: true });
  await expect(photo).toBeVisible(slow);
  await expect(page.getByText("Getting ready")).toBeHidden(slow);
  await photo.click();
  await page.getByRole("button", { name: "Make the 3D model" }).click(slow);

  await expect(page.getByRole("heading", { name: "Make the model" })).toBeVisible(slow);
  await expect(page.getByRole("img", { name: /cut out/ })).toBeVisible();
  await accessible(page);
  await page.getByRole("radio", { name: /^Fast/ }).check();
  await page.getByRole("checkbox", { name: /^Splats/ }).check();
  for (const format of ["GLB", "USDZ", "Splats"])
    await page.getByRole("checkbox", { name: new RegExp(`^${format}`) }).uncheck();
  await page.getByRole("button", { name: "Make the model" }).click();
  await expect(page.getByText("Choose at least one.")).toBeVisible();
  await page.getByRole("checkbox", { name: /^GLB/ }).check();
  await page.getByRole("button", { name: "Make the model" }).click();

  // On its way; a reload in the middle loses nothing.
  await page.waitForURL(/\/job_/, slow);
  await expect(
    page
      .getByText("Reconstruction")
      .or(page.getByRole("radio", { name: "Mesh" }))
      .first(),
  ).toBeVisible(slow);
  await page.reload();
  const mesh = page.getByRole("radio", { name: "Mesh" });
  await expect(mesh).toBeVisible(slow);
  await mesh.check(slow);
  await expect(page.getByLabel("The model in 3D")).toHaveAttribute("data-shown", "mesh", slow);
  await expect(page.getByText("Made without a trained model.")).toBeVisible();
  await accessible(page);

  const saved = page.waitForEvent("download", slow);
  await page.getByRole("button", { name: /^GLB .*take this if unsure/ }).click();
  const glb = readFileSync(await (await saved).path());
  expect(glb.subarray(0, 4).toString()).toBe("glTF");
  expect(glb.readUInt32LE(8)).toBe(glb.length);

  // The same mask, other options.
  const first = page.url();
  await page.getByRole("button", { name: "Make it again with other options" }).click();
  await expect(page.getByRole("radio", { name: /^Fast .*The last time it took/ })).toBeChecked();
  await page.getByRole("checkbox", { name: /^STL/ }).check();
  await page.getByRole("button", { name: "Make it again" }).click();
  await page.waitForURL((url) => /\/job_/.test(url.href) && url.href !== first, slow);
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
  await expect(page.getByRole("button", { name: /^STL/ })).toBeVisible(slow);
});
