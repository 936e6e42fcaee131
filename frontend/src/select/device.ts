/** Where this browser decodes: on the processor, until its graphics card has been measured to be faster. */
import type { EmbeddingView } from "../api/types";
import { MaskDecoder } from "./decoder";
import { hasGpu } from "./gpu";
import type { Device } from "./runtime";

const KEY = "gen3d-decodes-on"; // nothing of a person: it stays when somebody signs out

let measuring = false;

export function keptDevice(): Device | undefined {
  try {
    const { browser, device } = JSON.parse(localStorage.getItem(KEY) ?? "") as Record<string, string>;
    return browser === navigator.userAgent && (device === "cpu" || device === "gpu") ? device : undefined;
  } catch {
    return undefined;
  }
}

export function keepDevice(device: Device): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ browser: navigator.userAgent, device }));
  } catch {
    // A browser that stores nothing decodes on the processor.
  }
}

/** Once for a version of a browser, in a worker of its own, which no click waits for. The next photo makes use of it. */
export async function measureDevice(embedding: EmbeddingView): Promise<void> {
  if (measuring || keptDevice()) return;
  measuring = true;
  if (!(await hasGpu())) return;
  const trial = new MaskDecoder(() => undefined);
  try {
    keepDevice(await trial.compare(embedding));
  } catch {
    measuring = false; // a lost network, or an old address: with the next photo
  } finally {
    trial.close();
  }
}
