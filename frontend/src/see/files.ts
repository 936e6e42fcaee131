// A job's files: fetched once, by addresses that are renewed when they have expired.
import { offline, Refusal } from "../api/problem";
import type { FileView } from "../api/types";

export interface FetchOptions {
  signal?: AbortSignal;
  /** 0 to 1. */
  onProgress?: (share: number) => void;
}

export class JobFiles {
  private readonly held = new Map<string, ArrayBuffer>();

  /** renew: asks for the files with fresh addresses. */
  constructor(
    private files: Record<string, FileView>,
    private readonly renew: () => Promise<Record<string, FileView>>,
  ) {}

  has(name: string): boolean {
    return name in this.files;
  }

  bytes(name: string): number {
    return this.files[name]?.bytes ?? 0;
  }

  /** An address that works now. */
  async url(name: string): Promise<string> {
    this.files = await this.renew();
    return this.address(name);
  }

  /** Throws Refusal; an AbortError when `signal` says so. */
  async read(name: string, options: FetchOptions = {}): Promise<ArrayBuffer> {
    const held = this.held.get(name);
    if (held) return held;
    const { signal } = options;
    const ask = () => reached(fetch(this.address(name), signal ? { signal } : {}), signal);
    let reply = await ask();
    if (reply.status === 403) {
      this.files = await this.renew(); // addresses live an hour
      reply = await ask();
    }
    if (!reply.ok)
      throw new Refusal("service_unavailable", "The file could not be fetched.", "Try again.", reply.status);
    const content = await reached(body(reply, this.bytes(name), options.onProgress), signal);
    this.held.set(name, content);
    return content;
  }

  private address(name: string): string {
    const file = this.files[name];
    if (!file)
      throw new Refusal("not_found", `There is no ${name}.`, "Make the model again with this format.");
    return file.url;
  }
}

/** A network can be lost before the answer and in the middle of it. */
async function reached<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw signal?.aborted ? error : offline();
  }
}

async function body(
  reply: Response,
  bytes: number,
  onProgress?: FetchOptions["onProgress"],
): Promise<ArrayBuffer> {
  if (!onProgress || !reply.body) return reply.arrayBuffer();
  let seen = 0;
  const counted = reply.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, out) {
        seen += chunk.length;
        onProgress(Math.min(1, seen / Math.max(bytes, 1)));
        out.enqueue(chunk);
      },
    }),
  );
  return new Response(counted).arrayBuffer();
}

/** Hands bytes to the browser as a download. */
export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Not at once: some browsers begin to read only after this turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A name for files that every system takes: "Blue mug!" and "mesh.glb" give "blue-mug-mesh.glb". */
export function fileName(model: string | undefined, file: string): string {
  const plain = (model ?? "")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return plain ? `${plain}-${file}` : file;
}

/** "847 kB", "6.8 MB": decimal, as file managers show it. */
export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB`;
}
