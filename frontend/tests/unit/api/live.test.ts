import { afterEach, beforeEach, expect, test, vi } from "vitest";

import vectors from "../../../../events/vectors/state.json";

const createTicket = vi.fn(async () => ({ ticket: "once", expires_at: "" }));
vi.mock("../../../src/api/client", () => ({ api: { createTicket } }));
const { listen } = await import("../../../src/api/live");

/** The browser's end of a socket whose other end is the test. */
class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = 0;
  sent: unknown[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;

  constructor(readonly url: string) {
    Socket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.closed = true;
  }

  accept(): void {
    this.readyState = Socket.OPEN;
    this.onopen?.();
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const [detailType, detail] = Object.entries(vectors.events)[0]!;
const EVENT = { type: "event", "detail-type": detailType, detail };
const listener = { onEvent: vi.fn(), onConnected: vi.fn(), onLost: vi.fn() };
const page = new EventTarget();
const tab = Object.assign(new EventTarget(), { hidden: false });
let leave: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("location", { origin: "https://gen3d.example" });
  vi.stubGlobal("document", tab);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  Socket.all = [];
  vi.clearAllMocks();
  leave = listen(listener);
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  leave();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const newest = () => Socket.all.at(-1)!;

function connect(resumed = false): Socket {
  const socket = newest();
  socket.accept();
  socket.say({ type: "pong", resumed });
  return socket;
}

/** The next socket that is opened, and after how many seconds. */
async function another(): Promise<number> {
  const before = Socket.all.length;
  for (let seconds = 0; seconds < 100; seconds++) {
    if (Socket.all.length > before) return seconds;
    await vi.advanceTimersByTimeAsync(1_000);
  }
  throw new Error("No socket was opened.");
}

test("a ticket opens it, and a ping makes it tell", () => {
  const socket = newest();
  expect(socket.url).toBe("wss://gen3d.example/socket?ticket=once");
  expect(socket.sent).toEqual([]);
  socket.accept();
  expect(socket.sent).toEqual([{ type: "ping" }]);
  expect(listener.onConnected).not.toHaveBeenCalled();
  socket.say({ type: "pong", resumed: false });
  expect(listener.onConnected).toHaveBeenCalledExactlyOnceWith(false);
  socket.say(EVENT);
  expect(listener.onEvent).toHaveBeenCalledExactlyOnceWith(EVENT);
});

test("a lost one is told of, and opened again after the event that was heard last", async () => {
  connect().say(EVENT);
  newest().onclose?.();
  expect(listener.onLost).toHaveBeenCalledOnce();
  expect(await another()).toBeLessThanOrEqual(1);
  expect(createTicket).toHaveBeenCalledTimes(2);
  const asked = new URL(newest().url).searchParams;
  expect(asked.get("from")).toBe(detail.metadata.event_id);
  connect(true);
  expect(listener.onConnected).toHaveBeenLastCalledWith(true);
});

test("the longer it cannot be had, the more slowly it is tried; an answer makes it quick again", async () => {
  createTicket.mockRejectedValue(new Error("no network"));
  newest().onclose?.();
  const tries: number[] = [];
  for (let minute = 0; minute < 10; minute++) {
    const before = createTicket.mock.calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    tries.push(createTicket.mock.calls.length - before);
  }
  expect(tries[0]).toBeGreaterThan(3);
  expect(Math.max(...tries.slice(3))).toBeLessThanOrEqual(2);
  expect(Math.min(...tries)).toBeGreaterThan(0);
  expect(listener.onLost).not.toHaveBeenCalled(); // it was never connected

  createTicket.mockResolvedValue({ ticket: "once", expires_at: "" });
  await another();
  connect();
  newest().onclose?.();
  expect(await another()).toBeLessThanOrEqual(1);
});

test("it is kept open by pings, and one without an answer ends it", async () => {
  const socket = connect();
  await vi.advanceTimersByTimeAsync(300_000);
  expect(socket.sent).toHaveLength(2);
  expect(socket.closed).toBe(true);
  expect(listener.onLost).toHaveBeenCalledOnce();
});

test("a socket that does not open is given up", async () => {
  await vi.advanceTimersByTimeAsync(20_000);
  expect(Socket.all[0]?.closed).toBe(true);
  expect(Socket.all.length).toBeGreaterThan(1);
});

test("back from a lost network it is asked whether it lives, or opened at once", async () => {
  const socket = connect();
  page.dispatchEvent(new Event("online"));
  expect(socket.sent).toHaveLength(2);
  socket.onclose?.();
  page.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(Socket.all).toHaveLength(2);
});

test("whoever leaves hears no more, and nothing is opened any more", async () => {
  const socket = connect();
  leave();
  expect(socket.closed).toBe(true);
  expect(socket.onmessage).toBeNull();
  page.dispatchEvent(new Event("online"));
  await expect(another()).rejects.toThrow("No socket");
});
