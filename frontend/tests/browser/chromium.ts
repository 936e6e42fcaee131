/** The Chromium for the browser tests: $CHROMIUM, the system's, or Playwright's own; undefined where there is none. */
import { existsSync } from "node:fs";

import { chromium } from "@playwright/test";

const PLACES = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  chromium.executablePath(),
];

export const executable = PLACES.find((path): path is string => path !== undefined && existsSync(path));
