import { createServer } from "node:net";

import { defineConfig } from "@playwright/test";

import { executable } from "./tests/browser/chromium";

// The workers read this file too, and inherit the port that the first reading chose.
const port = (process.env["GEN3D_BROWSER_PORT"] ??= String(await freePort()));
const url = `http://127.0.0.1:${port}`;
// A cloud of its own, new each time, so that no test meets what another run left.
const state = "../.gen3d/browser";

export default defineConfig({
  testDir: "tests/browser",
  outputDir: "test-results",
  workers: 2, // they share one cloud, whose endpoint does one thing at a time; orders to it are given in one file
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    baseURL: url,
    launchOptions: {
      ...(executable && { executablePath: executable }),
      // WebGL without a graphics card. All else is drawn without WebGL, which is far quicker there.
      args: ["--no-sandbox", "--enable-unsafe-swiftshader"],
    },
    screenshot: "only-on-failure",
    // Without a picture of each frame, which a sixth of the CPU time went into; a failure is pictured by itself.
    trace: { mode: "retain-on-failure", screenshots: false },
  },
  ...(executable && {
    webServer: {
      command: `rm -rf ${state} && GEN3D_STATE=${state} exec ../.venv/bin/gen3d up --port ${port}`,
      url: `${url}/api/config`,
      timeout: 180_000,
      gracefulShutdown: { signal: "SIGTERM", timeout: 30_000 },
    },
  }),
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
