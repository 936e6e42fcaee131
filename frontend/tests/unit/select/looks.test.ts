// What is asked of the worker, and what is shown of its answers: they come when the test lets them.
import { beforeEach, expect, test, vi } from "vitest";

import { MaskDecoder, type Show } from "../../../src/select/decoder";
import type { ToWorker } from "../../../src/select/protocol";
import type { Outline, Wanted } from "../../../src/select/segmenter";

const asked: string[] = [];
const answers: (() => void)[] = [];
let previews = true;

/** In the worker's place, one that decodes nothing: only the order of questions and answers is looked at here. */
class Held {
  onmessage: (event: { data: object }) => void = () => undefined;

  postMessage(message: ToWorker): void {
    if (!("wanted" in message)) return;
    const { id, do: what, wanted } = message;
    asked.push(`${what} ${wanted.points.length}`);
    const coarse = what === "glance" && previews;
    const answer = { contour: [], scale: 1, share: wanted.points.length, coarse };
    answers.push(() => this.onmessage({ data: { id, answer } }));
  }

  terminate(): void {}
}

vi.stubGlobal("Worker", Held);

beforeEach(() => {
  asked.length = answers.length = 0;
  previews = true;
});

const settle = () => new Promise((resolve) => setTimeout(resolve));

async function come(): Promise<void> {
  answers.shift()?.();
  await settle();
}

/** Of so many clicks. */
const wanted = (count: number): Wanted => ({
  points: Array.from({ length: count }, (_, x) => ({ x, y: 1, inside: true })),
  candidate: 0,
  edits: [],
  threshold: 0,
});

/** needed: of what comes after a coarse outline. */
function eye(needed = () => true) {
  const shown: string[] = [];
  const show: Show = ({ coarse, share }: Outline) => {
    shown.push(`${coarse ? "coarse" : "fine"} ${share}`);
    return coarse && needed();
  };
  return { shown, show };
}

test("an object's outline is coarse first, then fine", async () => {
  const { shown, show } = eye();
  const all = new MaskDecoder(() => undefined).outline(1, wanted(1), show, false);
  await settle();
  expect(asked).toEqual(["glance 1"]);
  await come();
  expect([asked, shown]).toEqual([["glance 1", "outline 1"], ["coarse 1"]]);
  await come();
  await all;
  expect(shown).toEqual(["coarse 1", "fine 1"]);
});

test("one question is enough where a glance is fine", async () => {
  previews = false;
  const { shown, show } = eye();
  void new MaskDecoder(() => undefined).outline(1, wanted(1), show, false);
  await come();
  expect([asked, shown]).toEqual([["glance 1"], ["fine 1"]]);
});

test("a click that comes before the glance of its press is answered asks for neither outline again", async () => {
  const decoder = new MaskDecoder(() => undefined);
  let pressed = true;
  const [press, click] = [eye(() => pressed), eye()];
  void decoder.foresee(wanted(1), press.show);
  pressed = false;
  void decoder.outline(1, wanted(1), click.show, false);
  await come();
  await come();
  expect(asked).toEqual(["glance 1", "outline 1"]);
  expect(click.shown).toEqual(["coarse 1", "fine 1"]);
});

test("one that comes while the fine outline of its press is made waits for that alone", async () => {
  const decoder = new MaskDecoder(() => undefined);
  const [press, click] = [eye(), eye()];
  void decoder.foresee(wanted(1), press.show);
  await come();
  void decoder.outline(1, wanted(1), click.show, true);
  await come();
  expect(asked).toEqual(["glance 1", "outline 1"]);
  expect(click.shown).toEqual(["fine 1"]);
});

test("what is fine already is not asked for by who clicks there", async () => {
  const decoder = new MaskDecoder(() => undefined);
  const [hover, click] = [eye(() => false), eye()];
  void decoder.foresee(wanted(1), hover.show);
  await come();
  void decoder.foresee(wanted(1), hover.show, true); // it rested
  await come();
  void decoder.outline(1, wanted(1), click.show, true);
  await settle();
  expect(asked).toEqual(["glance 1", "outline 1"]);
  expect([hover.shown, click.shown]).toEqual([["coarse 1", "fine 1"], ["fine 1"]]);
});

test("a newer question of the same object takes the place of what is to come, and hovering waits for both of its steps", async () => {
  const decoder = new MaskDecoder(() => undefined);
  let newest = 1;
  const [first, second, hover] = [eye(() => newest === 1), eye(), eye(() => false)];
  void decoder.outline(1, wanted(1), first.show, false);
  newest = 2;
  void decoder.outline(1, wanted(2), second.show, false);
  void decoder.foresee(wanted(3), hover.show);
  for (let i = 0; i < 4; i++) await come();
  expect(asked).toEqual(["glance 1", "glance 2", "outline 2", "glance 3"]);
  expect(first.shown).toEqual(["coarse 1"]);
  expect(second.shown).toEqual(["coarse 2", "fine 2"]);
  expect(hover.shown).toEqual(["coarse 3"]);
});

test("where the worker stops between the two, that is told", async () => {
  const { shown, show } = eye();
  const decoder = new MaskDecoder(() => undefined);
  const all = decoder.outline(1, wanted(1), show, false);
  const failed = expect(all).rejects.toThrow();
  await come();
  decoder.close();
  await failed;
  expect(shown).toEqual(["coarse 1"]);
});
