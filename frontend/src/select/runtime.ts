/** ONNX Runtime in a worker, on the processor or on the graphics card; the latter is a build twice as large. */
import * as wasm from "onnxruntime-web/wasm";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import webgpuUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";

import { hasGpu } from "./gpu";
import type { Runtime } from "./onnx";

export type Device = "cpu" | "gpu";

const MOST_THREADS = 4; // more gain nothing for graphs this small

/** Rejects for a graphics card that cannot be had. */
export async function runtime(device: Device): Promise<Runtime> {
  if (device === "cpu") {
    wasm.env.wasm.wasmPaths = { wasm: wasmUrl };
    wasm.env.wasm.numThreads = self.crossOriginIsolated
      ? Math.min(navigator.hardwareConcurrency, MOST_THREADS)
      : 1;
    return { ort: wasm, options: () => ({}) };
  }
  if (!(await hasGpu())) throw new Error("There is no graphics card for it.");
  const webgpu = await import("onnxruntime-web/webgpu");
  webgpu.env.wasm.wasmPaths = { wasm: webgpuUrl };
  webgpu.env.wasm.numThreads = 1;
  return {
    ort: webgpu,
    options: (role) => ({
      executionProviders: ["webgpu"],
      // What is made of the photo stays on the card; masks are read here.
      preferredOutputLocation: role === "decode" ? "cpu" : "gpu-buffer",
    }),
  };
}
