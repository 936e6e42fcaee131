/** Step 5: from the address to the first frame of the model, each way of showing it in a browser that knows nothing. */
import { expect, test } from "@playwright/test";

import { workbench } from "../tests/browser/see/workbench";
import { tell, tenths, type Row } from "./figures";

const GAUSSIANS = 100_000;

test("first frames", async ({ browser }) => {
  const bench = await workbench(GAUSSIANS);
  try {
    const rows: Row[] = [];
    for (const mode of ["splats", "points", "mesh"]) {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      const files: Promise<Buffer>[] = [];
      page.on("response", (reply) => files.push(reply.body()));
      await page.addInitScript((it) => localStorage.setItem("gen3d.mode", it), mode);
      const start = performance.now();
      await page.goto(bench.url);
      await expect(page.locator("canvas")).toHaveAttribute("data-shown", mode, { timeout: 120_000 });
      await page.evaluate(() => new Promise((shown) => requestAnimationFrame(() => setTimeout(shown))));
      const seconds = (performance.now() - start) / 1000;
      const bytes = (await Promise.all(files)).reduce((sum, file) => sum + file.length, 0);
      rows.push({ mode, "first frame, s": tenths(seconds), "MB fetched, as is": tenths(bytes / 1e6) });
      await page.context().close();
    }
    tell("see", `First frame of ${GAUSSIANS.toLocaleString("en")} Gaussians and their mesh`, rows);
  } finally {
    bench.close();
  }
});
