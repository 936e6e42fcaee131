/// <reference types="vitest/config" />
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

import { brotli } from "./brotli.ts";

// COOP and COEP make the page cross-origin isolated, which the decoder's threads need. The deployed site sets them
// too: local/gen3d_local/site.py and the response headers policy in template.yaml.
const isolated = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  define: { __RELEASE__: JSON.stringify(process.env["GEN3D_RELEASE"] ?? "unreleased") },
  plugins: [preact(), brotli()],
  build: {
    target: "es2023",
    sourcemap: true,
    // In one file, 6 kB: Vite asks for a part's style only once, so a part that a lost network withheld came without.
    cssCodeSplit: false,
    chunkSizeWarningLimit: 3000,
    rolldownOptions: { checks: { pluginTimings: false } }, // compressing takes the most, as it should
  },
  worker: { format: "es" },
  server: {
    headers: isolated,
    proxy: { "/api": "http://127.0.0.1:8000", "/local": "http://127.0.0.1:8000" },
  },
  test: { include: ["tests/unit/**/*.test.{ts,tsx}"] },
});
