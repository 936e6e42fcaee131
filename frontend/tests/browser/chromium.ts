/**
 * The Chromium for the browser tests: $CHROMIUM, the system's, or Playwright's own. Where there is none it is
 * installed, by Playwright or, as root, from the distribution; undefined where that cannot be done.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

import { chromium } from "@playwright/test";

const ROOT = process.getuid?.() === 0;
const SOUGHT = "GEN3D_CHROMIUM_SOUGHT"; // once for all of Playwright's processes

export const executable = found() ?? installed();

function found(): string | undefined {
  const places = [
    process.env["CHROMIUM"],
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    chromium.executablePath(),
  ];
  return places.find((path): path is string => path !== undefined && existsSync(path));
}

function installed(): string | undefined {
  if (process.env[SOUGHT]) return undefined;
  process.env[SOUGHT] = "yes";
  console.log("Installing a Chromium for the browser tests ...");
  const own = run("npx playwright install chromium" + (ROOT ? " --with-deps" : ""));
  if (!own && ROOT) run("apt-get update -qq && apt-get install -y -qq chromium");
  return found();
}

function run(line: string): boolean {
  return spawnSync("bash", ["-c", line], { stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}
