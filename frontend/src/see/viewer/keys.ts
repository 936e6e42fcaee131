// The viewer's keys, for those who do not use a pointer.
import type { Move } from "./stage";

const TURN = Math.PI / 18;
const STEP = 0.05;
const CLOSER = 0.88;

const ARROWS: Readonly<Record<string, readonly [right: number, up: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** What a key does to the view: arrows walk around the model, with Shift they shift the view. */
export function moveOf(key: string, shift: boolean): Move | undefined {
  const arrow = ARROWS[key];
  if (arrow) {
    const [right, up] = arrow;
    return shift
      ? { kind: "pan", right: STEP * right, up: STEP * up }
      : { kind: "orbit", right: TURN * right, up: TURN * up };
  }
  if (key === "+" || key === "=") return { kind: "zoom", factor: CLOSER };
  if (key === "-" || key === "_") return { kind: "zoom", factor: 1 / CLOSER };
  return undefined;
}
