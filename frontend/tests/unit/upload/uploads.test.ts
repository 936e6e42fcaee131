import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { stubS3, type Answer } from "../s3";

const person = signal<object | null>({});
vi.mock("../../../src/auth/session", () => ({ idToken: async () => "token", person }));
vi.stubGlobal("location", { pathname: "/" });
const { clear, send, uploads } = await import("../../../src/upload/uploads");

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const photo = () => new File([PNG], "mug.png");
const EXPIRED =
  "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message>";

/** S3's next answers; where there is none any more, the photo is on its way for good. */
let answers: Answer[] = [];
/** The API: sessions by key, and what was asked of it. */
const sessions = new Map<string, string>();
let asked: string[] = [];
let lostAnswers = 0;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("location", { pathname: "/" });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("createImageBitmap", async () => ({ width: 100, height: 100, close: () => undefined }));
  vi.stubGlobal("fetch", async (path: string, { method, headers }: RequestInit) => {
    asked.push(`${method} ${path.replace("/api", "")}`);
    const key = new Headers(headers).get("Idempotency-Key");
    if (key && !sessions.has(key)) sessions.set(key, `ses_${sessions.size + 1}`);
    if (method === "POST" && lostAnswers-- > 0) throw new TypeError("Failed to fetch");
    const form = { url: "https://s3/", fields: {} };
    return Response.json({ session_id: key ? sessions.get(key) : path.split("/").pop(), upload: form });
  });
  stubS3(() => answers.shift());
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  uploads.value = [];
  sessions.clear();
  answers = [];
  asked = [];
  lostAnswers = 0;
});

const state = () => uploads.value[0]?.state;

test.each([
  ["S3 is too busy", { status: 503, text: "<Error><Code>SlowDown</Code></Error>" }],
  ["the form has expired", { status: 403, text: EXPIRED }],
  ["the network was lost", { status: 0 }],
])("where %s a photo waits, and is sent again with a fresh form", async (_, answer) => {
  answers = [answer, { status: 204 }];
  send([photo()]);
  await vi.waitUntil(() => state() === "waiting");
  await vi.runAllTimersAsync();
  expect(state()).toBe("sent");
  expect(asked).toEqual(["POST /sessions", "GET /sessions/ses_1"]);
});

test("what S3 does not accept is not sent again", async () => {
  answers = [{ status: 400, text: "<Error><Code>EntityTooLarge</Code></Error>" }];
  send([photo()]);
  await vi.waitUntil(() => state() === "failed");
  expect(uploads.value[0]?.problem?.code).toBe("image_too_heavy");
  await vi.runAllTimersAsync();
  expect(asked).toEqual(["POST /sessions"]);
});

test("a photo that is cancelled on its way has its session deleted", async () => {
  send([photo()]);
  await vi.waitUntil(() => uploads.value[0]?.sessionId);
  uploads.value[0]?.cancel();
  await vi.runAllTimersAsync();
  expect(state()).toBe("cancelled");
  expect(asked).toEqual(["POST /sessions", "DELETE /sessions/ses_1"]);
});

test("one that is cancelled before anything was asked for leaves nothing to delete", async () => {
  send([photo()])[0]?.cancel();
  await vi.runAllTimersAsync();
  expect(state()).toBe("cancelled");
  expect(asked).toEqual([]);
});

test("a session of which no answer told is deleted, too, once the network is back", async () => {
  lostAnswers = 6; // more than are asked for without a stop
  send([photo()]);
  await vi.waitUntil(() => asked.length > 0);
  uploads.value[0]?.cancel();
  await vi.runAllTimersAsync();
  expect([...sessions.values()]).toEqual(["ses_1"]);
  expect(asked.slice(-2)).toEqual(["POST /sessions", "DELETE /sessions/ses_1"]);
  expect(state()).toBe("cancelled");
});

test("pictures are let go with the list", async () => {
  const made = vi.spyOn(URL, "createObjectURL");
  const released = vi.spyOn(URL, "revokeObjectURL");
  answers = [{ status: 204 }];
  send([photo()]);
  await vi.waitUntil(() => state() === "sent");
  send([photo()]);
  await vi.waitUntil(() => uploads.value[0]?.sessionId);
  clear();
  expect(uploads.value.map((it) => it.state)).toEqual(["sending"]);
  expect(released.mock.calls).toEqual([[made.mock.results[0]?.value]]);
});
