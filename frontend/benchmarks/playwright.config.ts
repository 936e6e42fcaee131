// Benchmarks of the page: npx playwright test --config benchmarks. On idle cores, or they say little.
import { defineConfig } from "@playwright/test";

import { executable } from "../tests/browser/chromium";

export default defineConfig({
  testMatch: "*.bench.ts",
  outputDir: "../test-results",
  workers: 1,
  timeout: 500_000,
  expect: { timeout: 60_000 },
  reporter: [["dot"]],
  use: {
    launchOptions: {
      ...(executable && { executablePath: executable }),
      args: ["--no-sandbox", "--enable-unsafe-swiftshader"],
    },
  },
});
