/** The photos on their way. They live beside the pages, so that going to another page does not stop them. */
import { effect, signal } from "@preact/signals";

import { api } from "../api/client";
import { printable } from "../api/names";
import { online, pause } from "../api/online";
import { asRefusal, Refusal } from "../api/problem";
import type { Form } from "../api/types";
import { upload } from "../api/upload";
import { notice } from "../app/errors";
import { person } from "../auth/session";
import { prepare } from "./prepare";

export interface Upload {
  readonly id: number;
  readonly name: string;
  readonly state: "checking" | "sending" | "waiting" | "sent" | "failed" | "cancelling" | "cancelled";
  /** 0 to 1. */
  readonly share: number;
  readonly note?: string;
  readonly problem?: Refusal;
  readonly sessionId?: string;
  /** Address of the photo in this browser. */
  readonly preview?: string;
  readonly cancel: () => void;
}

export const uploads = signal<readonly Upload[]>([]);

// Whoever comes next is shown nothing of it.
effect(() => {
  if (person.value !== null) return;
  for (const it of uploads.peek()) it.cancel();
  keep(() => false);
});

const LONGEST_NAME = 255;
/** A lost network, a form that is too old, S3 too busy: all pass, where another try has a new form. */
const PASSING = new Set<Refusal["code"]>(["network", "service_unavailable"]);
const LOST_PAUSE = 3_000;
let last = 0;
let checking: Promise<unknown> = Promise.resolve();

/** Sends photos, each into a session of its own, or one into a session that awaits it. */
export function send(files: readonly File[], sessionId?: string): Upload[] {
  return files.map((file) => start(file, sessionId));
}

/** Takes what is over out of the list. */
export function clear(): void {
  keep(underWay);
}

function keep(wanted: (it: Upload) => boolean): void {
  const all = uploads.peek();
  for (const it of all) if (it.preview && !wanted(it)) URL.revokeObjectURL(it.preview);
  uploads.value = all.filter(wanted);
}

export const underWay = ({ state }: Upload): boolean =>
  state === "checking" || state === "sending" || state === "waiting" || state === "cancelling";

function start(file: File, sessionId?: string): Upload {
  const abort = new AbortController();
  const id = ++last;
  const it: Upload = {
    id,
    name: printable(file.name, LONGEST_NAME) || "Photo",
    state: "checking",
    share: 0,
    cancel: () => {
      abort.abort();
      update(id, { state: "cancelling" });
    },
    ...(sessionId && { sessionId }),
  };
  uploads.value = [it, ...uploads.value];
  run(id, file, sessionId, abort.signal).catch((error: unknown) => {
    const problem = asRefusal(error);
    notice(problem);
    update(id, { state: "failed", problem });
  });
  return it;
}

async function run(
  id: number,
  file: File,
  sessionId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  // One at a time: an opened photo takes far more memory than its file.
  const prepared = checking.then(() => prepare(file));
  checking = prepared.catch(() => undefined);
  const { blob, type, note } = await prepared;
  if (!signal.aborted)
    update(id, { state: "sending", preview: URL.createObjectURL(blob), ...(note && { note }) });
  const key = crypto.randomUUID();
  const create = (signal?: AbortSignal) =>
    api.createSession({ ...filename(file.name), content_type: type }, { key, signal });
  let form: Form | undefined;
  let asked = false; // for a session: it may be there even if no answer said so
  while (!signal.aborted) {
    try {
      if (!sessionId) {
        asked = true;
        ({ session_id: sessionId, upload: form } = await create(signal));
        update(id, { sessionId });
      }
      form ??= (await api.session(sessionId)).upload;
      // Without a form the session has its photo already.
      if (form) await upload(form, blob, { signal, onProgress: (share) => update(id, { share }) });
      update(id, { state: "sent", share: 1 });
      return;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (signal.aborted) break;
      if (!PASSING.has(error.code)) throw error;
      // It only waits; the form may have become too old meanwhile.
      form = undefined;
      update(id, { state: "waiting", share: 0 });
      await passed(signal);
      if (!signal.aborted) update(id, { state: "sending" });
    }
  }
  update(id, { state: "cancelled" });
  if (asked) await discard(async () => sessionId ?? (await create()).session_id);
}

/** Deletes the session of a photo that is not sent after all. */
async function discard(sessionId: () => Promise<string>): Promise<void> {
  while (person.value) {
    try {
      await api.deleteSession(await sessionId());
      return;
    } catch (error) {
      if (!(error instanceof Refusal && PASSING.has(error.code))) throw error;
      await passed();
    }
  }
}

/** When it is worth another try. */
async function passed(signal?: AbortSignal): Promise<void> {
  await pause(LOST_PAUSE, signal);
  await online();
}

function filename(name: string): { filename?: string } {
  const clean = printable(name, LONGEST_NAME);
  return clean ? { filename: clean } : {};
}

function update(id: number, changes: Partial<Upload>): void {
  uploads.value = uploads.value.map((it) => (it.id === id ? { ...it, ...changes } : it));
}
