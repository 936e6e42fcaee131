import { expect, test } from "vitest";
import vectors from "../../../../events/vectors/state.json";
import { fold, jobState } from "../../../src/api/read-model";
import type { JobView, Row } from "../../../src/api/types";
import { duration, expectedSeconds, progress, waitsInVain } from "../../../src/make/progress";

type Told = Parameters<typeof fold>[1];
const CREATED = "2026-11-20T12:01:31Z";
const after = (seconds: number) => Date.parse(CREATED) + seconds * 1000;
const EXPECTED = { reconstruction: 10, mesh: 20, known: true };

function job(names: string[]): JobView {
  const events = names
    .map(
      (name) =>
        ({ "detail-type": name, detail: vectors.events[name as keyof typeof vectors.events] }) as Told,
    )
    .reduce<Row>(fold, {});
  return {
    job_id: "job_01M7WDAJCGJRZPDBX6VRBCH9XH",
    session_id: "ses_01M7WD7TG07YM5YS2Q2X2V7Z1C",
    state: jobState(events),
    created_at: CREATED,
    options: { quality: "balanced", formats: ["glb"], texture: 1024, seed: 42 },
    files: {},
    stages: {},
    events,
  };
}

const STORY = [
  "Reconstruction Requested",
  "Reconstruction Started",
  "Reconstruction Completed",
  "Mesh Completed",
];

test.each([
  [0, ["running", "waiting", "waiting", "waiting"]],
  [1, ["done", "running", "waiting", "waiting"]],
  [2, ["done", "done", "running", "waiting"]],
  [3, ["done", "done", "done", "running"]],
  [4, ["done", "done", "done", "done"]],
])("after %i events the steps are %j", (seen, states) => {
  const told = progress(job(STORY.slice(0, seen)), EXPECTED, after(21));
  expect(told.steps.map((step) => step.state)).toEqual(states);
  expect(told.sentence).not.toBe("");
});

test("the bar only moves on, and is full at the end only", () => {
  const seen = [0, 1, 2, 3].map((n) => progress(job(STORY.slice(0, n)), EXPECTED, after(21)).fraction);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(progress(job(STORY.slice(0, 3)), EXPECTED, after(1e6)).fraction).toBeLessThan(1);
  expect(progress(job(STORY), EXPECTED, after(30)).fraction).toBe(1);
});

test.each([
  [["Mask Rejected"], 0, "The mask does not have the size of the upright photo."],
  [["Reconstruction Requested", "Reconstruction Started", "Reconstruction Failed"], 2, ""],
  [["Reconstruction Requested", "Reconstruction Started", "Job Timed Out"], 2, "The job took too long."],
  [[...STORY.slice(0, 3), "Meshing Failed"], 3, "The reconstruction has no closed surface."],
])("%j fails step %i with the problem's sentence", (names, failed, message) => {
  const told = progress(job(names), EXPECTED, after(60));
  expect(told.steps[failed]?.state).toBe("failed");
  expect(told.steps[failed]?.words).toContain(message);
  expect(told.left).toBeUndefined();
  expect(told.sentence).toContain(told.steps[failed]?.words);
});

test("a late result makes up for a time-out", () => {
  const told = progress(job([...STORY.slice(0, 3), "Job Timed Out", "Mesh Completed"]), EXPECTED, after(60));
  expect(told.steps.every((step) => step.state === "done")).toBe(true);
});

test("a scheduled attempt is told, with why", () => {
  const waiting = job([
    "Reconstruction Requested",
    "Reconstruction Started",
    "Reconstruction Retry Scheduled",
  ]);
  const told = progress(waiting, EXPECTED, after(60)).steps[2];
  expect(told?.words).toMatch(/tried again.*attempt 2/);
});

test("a long silence is explained by the GPU's start", () => {
  const running = job(STORY.slice(0, 2));
  expect(progress(running, EXPECTED, after(10)).sentence).not.toContain("GPU");
  expect(progress(running, EXPECTED, after(120)).sentence).toContain("GPU has to be started");
});

test("what is left is said while it can be known", () => {
  const running = job(STORY.slice(0, 2));
  expect(progress(running, EXPECTED, after(7)).left).toBeGreaterThan(20);
  expect(progress(running, EXPECTED, after(600)).left).toBeUndefined();
  expect(progress(running, { ...EXPECTED, known: false }, after(7)).left).toBeUndefined();
});

test("a mask that is late is lost, one that was rejected is another's turn, and one that has come is neither", () => {
  const vain = (names: string[], seconds: number) => waitsInVain(job(names), after(seconds));
  expect([vain([], 60), vain([], 120)]).toEqual([false, true]);
  expect(vain(["Mask Rejected"], 1)).toBe(true);
  expect(vain(["Mask Rejected", "Reconstruction Requested"], 120)).toBe(false);
  expect(vain(STORY.slice(0, 1), 120)).toBe(false);
});

test("of a mask that was lost no step says that it is under way", () => {
  const [mask] = progress(job([]), EXPECTED, after(120)).steps;
  expect(mask).toMatchObject({ state: "failed", words: "" });
  expect(mask).not.toHaveProperty("seconds");
});

test("jobs that have finished say how long the next one takes", () => {
  const seen = expectedSeconds("balanced", [job(STORY)]);
  expect(seen).toMatchObject({ reconstruction: 15, known: true });
  expect(expectedSeconds("high", [job(STORY)]).known).toBe(false);
  expect(expectedSeconds("balanced", [job(STORY.slice(0, 3))]).known).toBe(false);
});

test.each([
  [0.4, "0 s"],
  [59.4, "59 s"],
  [60, "1 min"],
  [125, "2 min 5 s"],
  [3780, "1 h 3 min"],
])("%d seconds are %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
