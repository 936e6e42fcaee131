import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { JobView } from "../../../src/api/types";
import { follow } from "../../../src/make/follow";

const job = (state: JobView["state"], extra: Partial<JobView> = {}) => ({ state, ...extra }) as JobView;

let page: EventTarget & { hidden: boolean };

beforeEach(() => {
  vi.useFakeTimers();
  page = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", new EventTarget());
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function followed(answers: (JobView | Error)[], isFinal = false) {
  const seen: string[] = [];
  const load = vi.fn(() => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as JobView);
  });
  const follower = follow({
    load,
    onJob: (one) => seen.push(one.state),
    onTrouble: (trouble) => seen.push(trouble ? (trouble.final ? "over" : "trouble") : "well"),
    isFinal: () => isFinal,
  });
  return { seen, load, follower };
}

test("it asks until the job has ended, and then no more", async () => {
  const { seen, load } = followed([job("queued"), job("reconstructing"), job("completed")]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen).toEqual(["queued", "reconstructing", "completed"]);
  expect(load).toHaveBeenCalledTimes(3);
});

test("a refused mask ends it, a mask that is awaited does not", async () => {
  const problem = { code: "mask_too_small", error_class: "user", message: "", hint: "" } as const;
  const { load } = followed([job("awaiting_mask"), job("awaiting_mask", { problem })]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(2);
});

test("it goes on through failures, ever more slowly, and at once when the network is back", async () => {
  const { seen, load } = followed([new Error("offline")]);
  await vi.advanceTimersByTimeAsync(300_000);
  expect(load.mock.calls.length).toBeLessThan(20);
  const before = load.mock.calls.length;
  load.mockResolvedValue(job("completed"));
  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(load).toHaveBeenCalledTimes(before + 1);
  expect(seen.slice(-2)).toEqual(["well", "completed"]);
});

test("an error that no waiting mends ends it", async () => {
  const { seen, load } = followed([new Error("job_not_found")], true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen).toEqual(["over"]);
  expect(load).toHaveBeenCalledTimes(1);
});

test("a page in the background asks seldom, and at once when it is looked at", async () => {
  page.hidden = true;
  const { load } = followed([job("reconstructing")]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load.mock.calls.length).toBeLessThanOrEqual(4);
  const before = load.mock.calls.length;
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
  expect(load).toHaveBeenCalledTimes(before + 1);
});

test("stopped, it asks no more, whatever happens", async () => {
  const { seen, load, follower } = followed([job("reconstructing")]);
  follower.stop();
  window.dispatchEvent(new Event("online"));
  follower.nudge();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(1);
  expect(seen).toEqual([]);
});
