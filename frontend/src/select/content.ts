/** Files by their content's hash: fetched once, kept in the browser's Cache Storage, checked each time. */
import { insecure, unreachable } from "./failure";

/** Says how much of a file has come. */
export type OnBytes = (loaded: number) => void;

interface Wanted {
  url: string;
  sha256: string;
  /** Which files are kept together, and how many: those not used for longest go. */
  cache: string;
  keep: number;
}

export async function content(wanted: Wanted, damaged: () => Error, onBytes?: OnBytes): Promise<ArrayBuffer> {
  if (!globalThis.crypto?.subtle) throw insecure();
  // In private windows there may be no Cache Storage; everything works without it.
  const cache = await globalThis.caches?.open(wanted.cache).catch(() => undefined);
  const key = `/${wanted.cache}/${wanted.sha256}`;
  const kept = await (await cache?.match(key))?.arrayBuffer();
  if (kept && (await sha256(kept)) === wanted.sha256) {
    onBytes?.(kept.byteLength);
    void cache?.put(key, new Response(kept)).catch(() => undefined); // now the last of its keys
    return kept;
  }
  const file = await download(wanted.url, onBytes);
  if ((await sha256(file)) !== wanted.sha256) throw damaged();
  if (cache) {
    // A full disk costs the cache, not the clicks.
    await cache.put(key, new Response(file)).catch(() => undefined);
    const keys = await cache.keys();
    for (const old of keys.slice(0, Math.max(keys.length - wanted.keep, 0))) await cache.delete(old);
  }
  return file;
}

export async function download(url: string, onBytes?: OnBytes): Promise<ArrayBuffer> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  try {
    const reply = await fetch(url);
    if (!reply.ok || !reply.body) throw unreachable();
    const reader = reply.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
      loaded += next.value.length;
      onBytes?.(loaded);
    }
  } catch {
    throw unreachable();
  }
  const whole = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole.buffer;
}

export async function sha256(data: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
