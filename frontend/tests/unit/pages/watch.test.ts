import { afterEach, beforeEach, expect, test, vi } from "vitest";

import vectors from "../../../../events/vectors/state.json";
import type { Listener } from "../../../src/api/live";
import { Refusal } from "../../../src/api/problem";
import { fold, sessionState } from "../../../src/api/read-model";
import type { Happening, Row, SessionView } from "../../../src/api/types";
import type { News, Watch } from "../../../src/pages/session/watch";

const ask = vi.fn<() => Promise<SessionView>>();
const leave = vi.fn();
let socket: Listener | undefined;
vi.mock("../../../src/api/client", () => ({ api: { session: ask } }));
vi.mock("../../../src/api/live", () => ({
  listen: (listener: Listener) => {
    socket = listener;
    return leave;
  },
}));
const { watch } = await import("../../../src/pages/session/watch");

const told = (name: string): Happening =>
  ({ "detail-type": name, detail: vectors.events[name as keyof typeof vectors.events] }) as Happening;
const SESSION = told("Image Uploaded").detail.metadata.session_id;
const PHOTO = { width: 4, height: 3, format: "jpeg", bytes: 9, url: "p", thumbnail_url: "t" } as const;

function answer(...names: string[]): SessionView {
  const events = names.map(told).reduce<Row>(fold, {});
  const state = sessionState(events);
  return {
    session_id: SESSION,
    state,
    created_at: "",
    ...(state !== "awaiting_photo" && { photo: PHOTO }),
    jobs: [],
    stages: {},
    events,
  };
}

let news: News[];
let watching: Watch;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  vi.stubGlobal("addEventListener", vi.fn());
  vi.stubGlobal("removeEventListener", vi.fn());
  vi.clearAllMocks();
  socket = undefined;
  news = [];
});

afterEach(() => {
  watching.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function begin(first: SessionView): Promise<void> {
  ask.mockResolvedValue(first);
  watching = watch(SESSION, (it) => news.push(it));
  await vi.advanceTimersByTimeAsync(0);
}

const state = () => news.at(-1)?.session?.state;

test("where nothing is to be expected there is no socket, and nothing is asked again", async () => {
  await begin(answer("Image Uploaded", "Embedding Completed"));
  expect(state()).toBe("ready");
  await vi.advanceTimersByTimeAsync(300_000);
  expect(ask).toHaveBeenCalledOnce();
  expect(socket).toBeUndefined();
});

test("without a socket it is asked, ever more slowly", async () => {
  await begin(answer("Image Uploaded"));
  await vi.advanceTimersByTimeAsync(10_000);
  const first = ask.mock.calls.length;
  expect(first).toBeGreaterThan(4);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ask.mock.calls.length - first).toBeLessThan(4);
});

test("with a socket the API is asked once, and events are told at once", async () => {
  await begin(answer());
  socket?.onConnected(false);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(ask).toHaveBeenCalledTimes(2);
  socket?.onEvent(told("Image Rejected"));
  expect(news.at(-1)?.session?.problem?.code).toBe(told("Image Rejected").detail.data["code" as never]);
  expect(ask).toHaveBeenCalledTimes(2);
});

test("what only the API has is fetched when an event tells of it, until it is there", async () => {
  await begin(answer("Image Uploaded"));
  socket?.onConnected(true);
  const before = ask.mock.calls.length;
  socket?.onEvent(told("Embedding Completed"));
  expect(state()).toBe("preparing");
  await vi.advanceTimersByTimeAsync(1_000); // the API does not know yet
  expect(ask.mock.calls.length).toBeGreaterThan(before + 1);
  ask.mockResolvedValue(answer("Image Uploaded", "Embedding Completed"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(state()).toBe("ready");
  expect(leave).toHaveBeenCalledOnce();
});

test("what is asked for while an answer is on its way is asked for after it", async () => {
  const [old, fresh] = [answer("Image Uploaded"), answer("Image Uploaded", "Embedding Completed")];
  let arrive!: (it: SessionView) => void;
  await begin(fresh);
  ask.mockReturnValueOnce(new Promise((resolve) => (arrive = resolve)));
  watching.look();
  watching.look(); // as after something was made
  ask.mockResolvedValue({ ...fresh, name: "new" });
  arrive(old);
  await vi.advanceTimersByTimeAsync(0);
  expect(news.at(-1)?.session?.name).toBe("new");
  expect(ask).toHaveBeenCalledTimes(3);
});

test("a lost socket is made up for by asking", async () => {
  await begin(answer("Image Uploaded"));
  socket?.onConnected(true);
  const before = ask.mock.calls.length;
  socket?.onLost();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(ask.mock.calls.length).toBeGreaterThan(before + 3);
});

test("events of another photo are none of its own", async () => {
  await begin(answer());
  const other = structuredClone(told("Image Rejected"));
  other.detail.metadata.session_id = "ses_other";
  socket?.onEvent(other);
  expect(news.at(-1)?.session?.problem).toBeUndefined();
});

const restored: [string, () => void][] = [
  ["when the page is looked at", () => document.dispatchEvent(new Event("visibilitychange"))],
  [
    "when that is heard of",
    () => {
      const { detail } = told("Image Uploaded");
      socket?.onEvent({
        "detail-type": "Session Restored",
        detail: { metadata: { ...detail.metadata, event_id: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAW" }, data: {} },
      } as unknown as Happening);
    },
  ],
];

test.each(restored)("a deleted photo is missing until it is restored, %s", async (_, again) => {
  await begin(answer("Image Uploaded"));
  socket?.onConnected(true);
  ask.mockRejectedValue(new Refusal("session_not_found", "There is no such session.", "", 404));
  const { detail } = told("Image Uploaded");
  socket?.onEvent({
    "detail-type": "Session Deletion Requested",
    detail: {
      metadata: { ...detail.metadata, event_id: "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV" },
      data: { purge_at: "2026-01-01T00:00:00Z" },
    },
  } as unknown as Happening);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(news.at(-1)).toEqual({ problem: expect.objectContaining({ code: "session_not_found" }) });
  const asked = ask.mock.calls.length;
  await vi.advanceTimersByTimeAsync(300_000);
  expect(ask.mock.calls.length).toBe(asked);
  ask.mockResolvedValue(answer("Image Uploaded", "Embedding Completed"));
  again();
  await vi.advanceTimersByTimeAsync(100);
  expect(news.at(-1)?.problem).toBeUndefined();
  expect(state()).toBe("ready");
});

test("a problem keeps what was known, and is over with the next answer", async () => {
  await begin(answer("Image Uploaded"));
  ask.mockRejectedValueOnce(new Refusal("network", "Gen3D could not be reached.", ""));
  await vi.advanceTimersByTimeAsync(700);
  expect(news.at(-1)).toMatchObject({ session: { state: "preparing" }, problem: { code: "network" } });
  await vi.advanceTimersByTimeAsync(6_000);
  expect(news.at(-1)?.problem).toBeUndefined();
});
