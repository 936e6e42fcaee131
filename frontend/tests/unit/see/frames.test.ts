import { Euler, Vector3 } from "three";
import { expect, test } from "vitest";
import {
  centre,
  distance,
  radius,
  size,
  yUp,
  Z_UP_TO_Y_UP,
  type Vector,
} from "../../../src/see/viewer/frames";

const POINTS: Vector[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [0.3, -0.7, 0.2],
];

test.each(POINTS)(
  "the turn of a Z-up file takes (%d, %d, %d) to where the formats' contract says",
  (...point) => {
    const turned = new Vector3(...point).applyEuler(new Euler(Z_UP_TO_Y_UP, 0, 0));
    yUp(point).forEach((value, i) => expect(turned.toArray()[i]).toBeCloseTo(value, 12));
  },
);

test("up stays up and the front stays in front", () => {
  expect(yUp([0, 0, 1])).toEqual([0, 1, -0]); // Z-up's up
  expect(yUp([0, -1, 0])).toEqual([0, 0, 1]); // Z-up's front
  expect(yUp([1, 0, 0])).toEqual([1, 0, -0]); // right stays right: no mirror
});

test("a box has a size, a centre and a radius that is never 0", () => {
  const box = { min: [0, 1, 2], max: [2, 1, 8] } as const;
  expect(size(box)).toEqual([2, 0, 6]);
  expect(centre(box)).toEqual([1, 1, 5]);
  expect(radius(box)).toBeCloseTo(Math.sqrt(40) / 2);
  expect(radius({ min: [1, 1, 1], max: [1, 1, 1] })).toBeGreaterThan(0);
});

test("a narrow view needs a camera farther away", () => {
  const fov = 30;
  expect(distance(1, fov, 16 / 9)).toBeCloseTo(1 / Math.sin(Math.PI / 12));
  expect(distance(1, fov, 0.5)).toBeGreaterThan(distance(1, fov, 1));
});
