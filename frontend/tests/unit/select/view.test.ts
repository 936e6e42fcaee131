import { expect, test } from "vitest";

import { fit, moved, resized, showing, toPhoto, toScreen, within, zoomed } from "../../../src/select/view";
import { random } from "./helpers";

const photo = { width: 768, height: 1024 };
const stage = { width: 900, height: 600 };

test("all of the photo is seen, in the middle", () => {
  const view = fit(stage, photo);
  const [low, high] = [toScreen(view, { x: 0, y: 0 }), toScreen(view, { x: photo.width, y: photo.height })];
  expect(low.y).toBeCloseTo(16);
  expect(high.y).toBeCloseTo(584);
  expect(low.x + high.x).toBeCloseTo(stage.width);
});

test("wherever one zooms in, the place under the pointer stays, and the photo is never lost", () => {
  const next = random(9);
  let view = zoomed(fit(stage, photo), 6, { x: 450, y: 300 }, stage, photo);
  for (let i = 0; i < 200; i++) {
    const at = { x: next() * stage.width, y: next() * stage.height };
    const held = toPhoto(view, at);
    const larger = zoomed(view, 1.2, at, stage, photo);
    const seen = toScreen(larger, held);
    if (larger.scale > view.scale && within(held, photo)) {
      expect(seen.x).toBeCloseTo(at.x, 3);
      expect(seen.y).toBeCloseTo(at.y, 3);
    }
    view = moved(larger, (next() - 0.5) * 4000, (next() - 0.5) * 4000, stage, photo);
    view = zoomed(view, 1 / 1.2, at, stage, photo);
    const middle = toPhoto(view, { x: stage.width / 2, y: stage.height / 2 });
    expect(middle.x).toBeGreaterThanOrEqual(0);
    expect(middle.x).toBeLessThanOrEqual(photo.width);
    expect(middle.y).toBeGreaterThanOrEqual(0);
    expect(middle.y).toBeLessThanOrEqual(photo.height);
  }
});

test("zooming out ends where all is seen", () => {
  const view = zoomed(fit(stage, photo), 1e-6, { x: 3, y: 7 }, stage, photo);
  expect(view).toEqual(fit(stage, photo));
});

test("the view follows the cursor", () => {
  const near = zoomed(fit(stage, photo), 10, { x: 450, y: 300 }, stage, photo);
  const corner = { x: photo.width - 1, y: photo.height - 1 };
  const seen = toScreen(showing(near, corner, stage, photo), corner);
  expect(seen.x).toBeLessThan(stage.width);
  expect(seen.y).toBeLessThan(stage.height);
});

test("on a stage of another size the whole photo is whole again, and a closer look keeps its middle", () => {
  for (const other of [
    { width: 350, height: 500 },
    { width: 1500, height: 900 },
  ]) {
    expect(resized(fit(stage, photo), stage, other, photo)).toEqual(fit(other, photo));
    const near = zoomed(fit(stage, photo), 6, { x: 450, y: 300 }, stage, photo);
    const after = resized(near, stage, other, photo);
    expect(after.scale).toBe(near.scale);
    const [was, is] = [stage, other].map(({ width, height }) => ({ x: width / 2, y: height / 2 }));
    expect(toPhoto(after, is!).x).toBeCloseTo(toPhoto(near, was!).x);
    expect(toPhoto(after, is!).y).toBeCloseTo(toPhoto(near, was!).y);
  }
});
