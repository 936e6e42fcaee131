/** The two ways in which an embedding can come: as the page reads it, and as base64 in JSON. */
import { readSafetensors } from "../../src/select/safetensors";

export interface Took {
  fetchMs: number;
  parseMs: number;
  values: number;
}

declare global {
  interface Window {
    safetensors: (url: string) => Promise<Took>;
    json: (url: string) => Promise<Took>;
  }
}

window.safetensors = async (url) => {
  const start = performance.now();
  const file = await (await fetch(url, { cache: "no-store" })).arrayBuffer();
  const fetched = performance.now();
  const tensors = readSafetensors(file);
  const end = performance.now();
  return took(
    start,
    fetched,
    end,
    tensors.map(({ data }) => data.length),
  );
};

window.json = async (url) => {
  const start = performance.now();
  const text = await (await fetch(url, { cache: "no-store" })).text();
  const fetched = performance.now();
  const tensors = Object.values(JSON.parse(text) as Record<string, string>).map((base64) => {
    const binary = atob(base64);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return new Float32Array(bytes.buffer);
  });
  const end = performance.now();
  return took(
    start,
    fetched,
    end,
    tensors.map(({ length }) => length),
  );
};

function took(start: number, fetched: number, end: number, lengths: number[]): Took {
  return { fetchMs: fetched - start, parseMs: end - fetched, values: lengths.reduce((a, b) => a + b, 0) };
}
