import { expect, test } from "vitest";

import { begin, redo, step, undo } from "../../../src/select/history";
import {
  active,
  boxOf,
  clicks,
  isAsked,
  isSlip,
  mark,
  NOTHING,
  type Action,
  type Marks,
} from "../../../src/select/objects";
import { random } from "./helpers";

const click = (x: number, y: number, inside = true): Action => ({ do: "point", point: { x, y, inside } });
const after = (...actions: Action[]): Marks => actions.reduce(mark, NOTHING);

test("the first click makes an object, the next ones join it", () => {
  const marks = after(click(1, 2), click(3, 4, false));
  expect(marks.objects).toHaveLength(1);
  expect(active(marks)?.points).toHaveLength(2);
  expect(clicks(active(marks)!)).toBe(2);
});

test("a double click is one; the other way at the same place is another", () => {
  const once = after(click(1, 2));
  expect(mark(once, click(1, 2))).toBe(once);
  expect(clicks(active(after(click(1, 2), click(1, 2, false), click(1, 2)))!)).toBe(3);
  expect(after(click(1, 2), { do: "new" }, click(1, 2)).objects).toHaveLength(2);
});

test("a first negative click, an eraser or inverting means nothing", () => {
  expect(after(click(1, 2, false))).toBe(NOTHING);
  expect(after({ do: "edit", edit: { kind: "invert" } })).toBe(NOTHING);
  expect(after({ do: "edit", edit: { kind: "stroke", erase: true, radius: 2, path: [1, 1] } })).toBe(NOTHING);
});

test("a new object has another name and another colour", () => {
  const { objects } = after(click(1, 2), { do: "new" }, click(3, 4));
  expect(objects.map(({ name }) => name)).toEqual(["Object 1", "Object 2"]);
  expect(objects[0]?.colour).not.toBe(objects[1]?.colour);
});

test("the number of one that is deleted is not given again as long as a later one is there", () => {
  const { objects } = after(
    click(1, 2),
    { do: "new" },
    click(3, 4),
    { do: "delete", id: 1 },
    { do: "new" },
    click(5, 5),
  );
  expect(objects.map(({ id }) => id)).toEqual([2, 3]);
});

test("a box under 10 px on a side is a slip", () => {
  expect(isSlip(boxOf(50, 50, 59.9, 90))).toBe(true);
  expect(isSlip(boxOf(50, 50, 60, 40))).toBe(false);
  expect(after({ do: "box", box: boxOf(0, 0, 9, 200) })).toBe(NOTHING);
  const marks = after({ do: "box", box: boxOf(30, 60, 10, 20) });
  expect(active(marks)?.box).toEqual({ left: 10, top: 20, right: 30, bottom: 60 });
  expect(isAsked(active(marks)!)).toBe(true);
});

test("what is stored of clicks grows with their number, not with its square", () => {
  const size = (count: number) =>
    JSON.stringify(after(...Array.from({ length: count }, (_, i) => click(i, i)))).length;
  expect(size(500)).toBeLessThan(6 * size(100));
});

test("deleting the active one chooses another; what is not there cannot be chosen", () => {
  const two = after(click(1, 2), { do: "new" }, click(3, 4));
  expect(mark(two, { do: "delete", id: 2 }).active).toBe(1);
  expect(mark(two, { do: "delete", id: 1 }).active).toBe(2);
  expect(mark(two, { do: "choose", id: 9 })).toBe(two);
  expect(mark(two, { do: "clear" })).toBe(NOTHING);
});

test("resetting keeps name and colour", () => {
  const marks = after(
    click(1, 2),
    { do: "candidate", candidate: 3 },
    { do: "rename", id: 1, name: "Mug" },
    { do: "reset" },
  );
  expect(active(marks)).toMatchObject({ name: "Mug", points: [], edits: [], candidate: 0, threshold: 0 });
});

test("whatever is done, undoing all of it gives back each state, and redoing too", () => {
  const next = random(3);
  const any = <T>(...of: T[]): T => of[Math.floor(next() * of.length)]!;
  for (let round = 0; round < 50; round++) {
    let history = begin(NOTHING);
    const states = [NOTHING];
    for (let i = 0; i < 30; i++) {
      const action = any<Action>(
        click(next() * 100, next() * 100, next() < 0.7),
        { do: "box", box: boxOf(next() * 100, next() * 100, next() * 100, next() * 100) },
        {
          do: "edit",
          edit: any({ kind: "invert" }, { kind: "stroke", erase: false, radius: 3, path: [1, 2] }),
        },
        { do: "candidate", candidate: any(0, 1, 2, 3) },
        { do: "new" },
        { do: "delete", id: any(1, 2, 3) },
        { do: "reset" },
        { do: "clear" },
      );
      const before = history.present;
      history = step(history, mark(before, action));
      if (history.present !== before) states.push(history.present);
    }
    for (const state of [...states].reverse()) {
      expect(history.present).toBe(state);
      history = undo(history);
    }
    for (const state of states) {
      expect(history.present).toBe(state);
      history = redo(history);
    }
  }
});

test("something new after an undo takes the place of what was undone", () => {
  const history = step(undo(step(begin(0), 1)), 2);
  expect(redo(history).present).toBe(2);
  expect(undo(history).present).toBe(0);
  expect(undo(step(step(begin(0), 1), 2, true)).present).toBe(0);
});
