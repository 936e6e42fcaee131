import { afterEach, expect, test, vi } from "vitest";

import { heard, serviceNow } from "../../../src/api/clock";

const NOW = Date.parse("2026-11-22T10:00:00Z");
const header = (ms: number) => new Date(ms).toUTCString();

afterEach(() => vi.useRealTimers());

test("a device's wrong clock does not count, one that is right does, to the millisecond", () => {
  vi.useFakeTimers({ now: NOW });
  expect(serviceNow()).toBe(NOW);
  for (const wrong of [-3_600_000, 600_000]) {
    heard(header(NOW + wrong));
    vi.advanceTimersByTime(250);
    expect(serviceNow()).toBe(NOW + wrong + 250);
    vi.setSystemTime(NOW);
  }
  heard(header(NOW + 1000));
  expect(serviceNow()).toBe(NOW);
});

test("an answer without a date changes nothing", () => {
  vi.useFakeTimers({ now: NOW });
  heard(header(NOW + 60_000));
  heard(null);
  heard("yesterday");
  expect(serviceNow()).toBe(NOW + 60_000);
});
