/** What a person has marked in the photo: a pure state, changed by `mark` only; `history` undoes. */
import type { Edit } from "./edits";

/** In px of the upright photo. */
export interface Point {
  x: number;
  y: number;
  /** On the object; or on what is none of it. */
  inside: boolean;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** What the decoder is asked. */
export interface Prompts {
  points: readonly Point[];
  box?: Box | undefined;
}

/** A reading of prompts, whose mask the next click refines: then it is the reading before that click. */
export interface Reading extends Prompts {
  /** 0 the decoder's own choice, 1 to 3 from a part to the whole. */
  candidate: number;
  /** The candidates of the readings before, which have one point less each; the first one first. */
  chosen?: readonly number[] | undefined;
}

export interface Marked extends Reading {
  id: number;
  name: string;
  colour: string;
  edits: readonly Edit[];
  /** Added to the manifest's: less takes more of the surroundings in. */
  threshold: number;
}

export interface Marks {
  objects: readonly Marked[];
  active: number | undefined;
}

export type Action =
  | { do: "point"; point: Point }
  | { do: "box"; box: Box }
  | { do: "edit"; edit: Edit }
  | { do: "candidate"; candidate: number }
  | { do: "threshold"; threshold: number }
  | { do: "reset" } // of the active object
  | { do: "new" }
  | { do: "choose"; id: number }
  | { do: "rename"; id: number; name: string }
  | { do: "delete"; id: number }
  | { do: "clear" };

/** Boxes with a side shorter than this are slips of the hand. */
export const LEAST_BOX = 10;

/** Told apart also by people who confuse red and green; light enough on dark photos, with a dark rim on light ones. */
export const COLOURS = [
  "#ff4f9a",
  "#2ec4a6",
  "#ff9f1c",
  "#4c8dff",
  "#b18cff",
  "#f2d13d",
  "#ff6b5e",
  "#6fd3ff",
];

export const NOTHING: Marks = { objects: [], active: undefined };

export function mark(marks: Marks, action: Action): Marks {
  switch (action.do) {
    case "new":
      return marks.active === undefined ? marks : { ...marks, active: undefined };
    case "choose":
      if (action.id === marks.active || !marks.objects.some(({ id }) => id === action.id)) return marks;
      return { ...marks, active: action.id };
    case "rename":
      return changed(marks, action.id, { name: action.name });
    case "delete": {
      const objects = marks.objects.filter(({ id }) => id !== action.id);
      return { objects, active: marks.active === action.id ? objects.at(-1)?.id : marks.active };
    }
    case "clear":
      return NOTHING;
    case "box":
      if (isSlip(action.box)) return marks;
      break;
    case "point":
      // A first point says what is meant, not what is not.
      if (!action.point.inside && !active(marks)) return marks;
      if (isSame(action.point, active(marks)?.points.at(-1))) return marks; // a double click is one
      break;
    case "edit":
      if (!active(marks) && (action.edit.kind === "invert" || action.edit.erase)) return marks;
      break;
    default:
      if (!active(marks)) return marks;
  }
  const [withOne, object] = begun(marks);
  return changed(withOne, object.id, change(object, action));
}

function isSame(point: Point, last: Point | undefined): boolean {
  return point.x === last?.x && point.y === last.y && point.inside === last.inside;
}

/** What an action on the active object changes of it. */
function change(object: Marked, action: Action): Partial<Marked> {
  switch (action.do) {
    case "point":
      return refined(object, action.point);
    case "box":
      return { box: action.box, chosen: [] }; // says anew what is meant
    case "edit":
      return { edits: [...object.edits, action.edit] };
    case "candidate":
      return { candidate: action.candidate };
    case "threshold":
      return { threshold: action.threshold };
    case "reset":
      return { points: [], box: undefined, edits: [], candidate: 0, threshold: 0, chosen: [] };
    default:
      return {};
  }
}

/** With one more point: it refines what was chosen of the prompts so far. */
export function refined({ points, box, candidate, chosen = [] }: Reading, point: Point) {
  return { points: [...points, point], chosen: isAsked({ points, box }) ? [...chosen, candidate] : [] };
}

/** The reading before the last click, where that refined one. */
export function earlier({ points, box, chosen = [] }: Omit<Reading, "candidate">): Reading | undefined {
  const candidate = chosen.at(-1);
  return candidate === undefined
    ? undefined
    : { points: points.slice(0, -1), box, candidate, chosen: chosen.slice(0, -1) };
}

/** The active object, made if there is none. */
function begun(marks: Marks): [Marks, Marked] {
  const chosen = active(marks);
  if (chosen) return [marks, chosen];
  const id = 1 + Math.max(0, ...marks.objects.map((it) => it.id));
  const object: Marked = {
    id,
    name: `Object ${id}`,
    colour: COLOURS[(id - 1) % COLOURS.length]!,
    points: [],
    edits: [],
    candidate: 0,
    threshold: 0,
  };
  return [{ objects: [...marks.objects, object], active: id }, object];
}

function changed(marks: Marks, id: number, change: Partial<Marked>): Marks {
  return { ...marks, objects: marks.objects.map((it) => (it.id === id ? { ...it, ...change } : it)) };
}

export function active(marks: Marks): Marked | undefined {
  return marks.objects.find(({ id }) => id === marks.active);
}

/** Clicks that made an object: points, the box, strokes. */
export function clicks({ points, box, edits }: Marked): number {
  return points.length + (box ? 1 : 0) + edits.length;
}

export function boxOf(x0: number, y0: number, x1: number, y1: number): Box {
  return { left: Math.min(x0, x1), top: Math.min(y0, y1), right: Math.max(x0, x1), bottom: Math.max(y0, y1) };
}

export function isSlip({ left, top, right, bottom }: Box): boolean {
  return right - left < LEAST_BOX || bottom - top < LEAST_BOX;
}

/** Whether the decoder has anything to go by. */
export function isAsked({ points, box }: Prompts): boolean {
  return box !== undefined || points.some(({ inside }) => inside);
}
