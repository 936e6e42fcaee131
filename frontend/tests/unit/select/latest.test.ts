import { expect, test } from "vitest";

import { Latest } from "../../../src/select/latest";

function board() {
  const began: string[] = [];
  const end: (() => void)[] = [];
  const work = (name: string) => () =>
    new Promise<string>((resolve) => {
      began.push(name);
      end.push(() => resolve(name));
    });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  return { began, end, work, settle };
}

test("one at a time; what waits is replaced by what is newer of its key; hovering comes last", async () => {
  const { began, end, work, settle } = board();
  const latest = new Latest("hover");
  const all = [
    latest.run("hover", work("hover 1")),
    latest.run("hover", work("hover 2")),
    latest.run("a", work("a 1")),
    latest.run("a", work("a 2")),
    latest.run("hover", work("hover 3")),
    latest.run("b", work("b")),
  ];
  for (let i = 0; i < 4; i++) {
    expect(began).toHaveLength(i + 1);
    end[i]?.();
    await settle();
  }
  expect(began).toEqual(["hover 1", "a 2", "b", "hover 3"]);
  expect(await Promise.all(all)).toEqual(["hover 1", undefined, undefined, "a 2", "hover 3", "b"]);
});

test("what fails is told, and the next is done", async () => {
  const latest = new Latest("hover");
  const failed = latest.run("a", () => Promise.reject(new Error("no")));
  const next = latest.run("b", () => Promise.resolve(2));
  await expect(failed).rejects.toThrow("no");
  expect(await next).toBe(2);
});
