import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const idToken = vi.fn(async (_: { renew?: boolean }) => "token");
vi.mock("../../../src/auth/session", () => ({ idToken }));
const { request } = await import("../../../src/api/http");

const sent = vi.fn<typeof fetch>();
/** An answer that the network breaks off. */
const cut = () =>
  new Response(
    new ReadableStream({
      start(body) {
        body.enqueue(new TextEncoder().encode('{"session_id":'));
        body.error(new TypeError("network error"));
      },
    }),
  );
const json = (body: object, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", sent);
  vi.stubGlobal("navigator", { onLine: true });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  sent.mockReset();
  idToken.mockClear();
});

/** Lets all pauses pass at once. */
async function outcome<T>(work: Promise<T>): Promise<T | Error> {
  const caught = work.catch((error: Error) => error);
  await vi.runAllTimersAsync();
  return caught;
}

describe("a request", () => {
  test("carries the token and its body", async () => {
    sent.mockResolvedValue(json({ session_id: "s" }));
    expect(await outcome(request("POST", "/sessions", { name: "é" }))).toEqual({ session_id: "s" });
    const [url, init] = sent.mock.calls[0] ?? [];
    expect(url).toBe("/api/sessions");
    expect(init).toMatchObject({ method: "POST", body: '{"name":"é"}' });
    expect(init?.headers).toEqual({ Authorization: "token", "Content-Type": "application/json" });
  });

  test("that only reads is repeated when the network was lost", async () => {
    sent.mockRejectedValueOnce(new TypeError("Failed to fetch")).mockResolvedValue(json({ ok: 1 }));
    expect(await outcome(request("GET", "/usage"))).toEqual({ ok: 1 });
    expect(sent).toHaveBeenCalledTimes(2);
  });

  test("that makes something is not repeated: it may have arrived", async () => {
    sent.mockRejectedValue(new TypeError("Failed to fetch"));
    expect(await outcome(request("POST", "/sessions", {}))).toMatchObject({ code: "network" });
    expect(sent).toHaveBeenCalledTimes(1);
  });

  test("that makes something is repeated with its key", async () => {
    sent.mockRejectedValueOnce(new TypeError("Failed to fetch")).mockResolvedValueOnce(json({}, 504));
    sent.mockResolvedValue(json({ session_id: "s" }, 201));
    expect(await outcome(request("POST", "/sessions", {}, { key: "a-key" }))).toEqual({ session_id: "s" });
    const keys = sent.mock.calls.map(([, init]) => new Headers(init?.headers).get("Idempotency-Key"));
    expect(keys).toEqual(["a-key", "a-key", "a-key"]);
  });

  test("may be answered with nothing", async () => {
    sent.mockResolvedValue(new Response(null, { status: 204 }));
    expect(await outcome(request("POST", "/client-errors", {}))).toBeUndefined();
  });

  test.each([
    ["breaks off", cut],
    ["ends too soon", () => new Response('{"session_id":')],
  ])("whose answer %s is repeated where that is safe, and else is a lost network", async (_, broken) => {
    sent.mockResolvedValueOnce(broken()).mockResolvedValueOnce(json({ session_id: "s" }));
    expect(await outcome(request("POST", "/sessions", {}, { key: "a-key" }))).toEqual({ session_id: "s" });
    sent.mockResolvedValueOnce(broken());
    expect(await outcome(request("POST", "/sessions", {}))).toMatchObject({ code: "network" });
    expect(sent).toHaveBeenCalledTimes(3);
  });

  test("that is cancelled is not repeated, and no pause is waited for", async () => {
    sent.mockResolvedValue(json({}, 429, { "Retry-After": "60" }));
    const cancel = new AbortController();
    const work = request("GET", "/usage", undefined, { signal: cancel.signal });
    const refused = expect(work).rejects.toMatchObject({ code: "cancelled" });
    await vi.advanceTimersByTimeAsync(1_000);
    cancel.abort();
    await refused;
    expect(sent).toHaveBeenCalledTimes(1);
  });

  test("gives up after four times", async () => {
    sent.mockResolvedValue(json({}, 502));
    expect(await outcome(request("GET", "/usage"))).toMatchObject({
      code: "service_unavailable",
      status: 502,
    });
    expect(sent).toHaveBeenCalledTimes(4);
  });

  test("waits as long as the API asks", async () => {
    sent.mockResolvedValueOnce(json({ code: "too_many_requests" }, 429, { "Retry-After": "7" }));
    sent.mockResolvedValue(json({ ok: 1 }));
    const done = request("POST", "/sessions", {});
    await vi.advanceTimersByTimeAsync(6_900);
    expect(sent).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(await done).toEqual({ ok: 1 });
  });

  test("with an old token is sent once more with a new one", async () => {
    sent.mockResolvedValueOnce(json({}, 401)).mockResolvedValueOnce(json({ ok: 1 }));
    expect(await outcome(request("GET", "/usage"))).toEqual({ ok: 1 });
    expect(idToken.mock.calls).toEqual([[{ renew: false }], [{ renew: true }]]);
    sent.mockResolvedValue(json({}, 401));
    expect(await outcome(request("GET", "/usage"))).toMatchObject({ code: "unauthorized" });
    expect(sent).toHaveBeenCalledTimes(4);
  });

  test("that is refused says why", async () => {
    const told = {
      code: "photo_missing",
      error_class: "user",
      message: "No photo yet.",
      hint: "Upload one.",
    };
    sent.mockResolvedValue(json(told, 409));
    expect(await outcome(request("POST", "/x", {}))).toMatchObject({
      code: "photo_missing",
      message: "No photo yet.",
      hint: "Upload one.",
      status: 409,
    });
  });
});
