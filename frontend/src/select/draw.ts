/** Paints what lies over the photo: outlines, and above them points, boxes, and what is being drawn. */
import { loopsOf, type Contour } from "./contour";
import type { Box, Marked, Point } from "./objects";
import type { Outline } from "./segmenter";
import type { Place, View } from "./view";

interface Scene {
  view: View;
  objects: readonly Marked[];
  active: number | undefined;
  opacity: number;
}

export interface Outlines extends Scene {
  outlines: ReadonlyMap<number, Outline>;
}

export interface Above extends Scene {
  hover: Outline | undefined;
  /** Colour of what is hovered or drawn. */
  colour: string;
  box: Box | undefined;
  stroke: { path: readonly number[]; radius: number; erase: boolean } | undefined;
  /** Of the brush, under the pointer. */
  brush: { at: Place; radius: number } | undefined;
  /** Moved by keys. */
  cursor: Place | undefined;
}

const RIM = "rgb(0 0 0 / 65%)"; // around what is bright, for bright photos

export function drawOutlines(context: CanvasRenderingContext2D, ratio: number, scene: Outlines): void {
  const px = begin(context, ratio, scene.view);
  for (const object of scene.objects) {
    const outline = scene.outlines.get(object.id);
    if (outline) shape(context, outline, px, object.colour, scene.opacity, object.id === scene.active);
  }
}

export function drawMarks(context: CanvasRenderingContext2D, ratio: number, scene: Above): void {
  const px = begin(context, ratio, scene.view);
  if (scene.hover) shape(context, scene.hover, px, scene.colour, scene.opacity * 0.6, false);
  if (scene.stroke) stroke(context, scene.stroke, scene.colour);
  const chosen = scene.objects.find(({ id }) => id === scene.active);
  const box = scene.box ?? chosen?.box;
  if (box) frame(context, box, px);
  for (const point of chosen?.points ?? []) dot(context, point, px);
  if (scene.brush) ring(context, scene.brush.at, scene.brush.radius, px);
  if (scene.cursor) cross(context, scene.cursor, px);
}

/** Empties the canvas, and makes the photo's px its units. Says how many of them are one of the screen. */
function begin(context: CanvasRenderingContext2D, ratio: number, { scale, x, y }: View): number {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
  return 1 / scale;
}

const paths = new WeakMap<Contour, Path2D>();

function pathOf(contour: Contour): Path2D {
  let path = paths.get(contour);
  if (!path) {
    path = new Path2D();
    for (const corners of loopsOf(contour)) {
      path.moveTo(corners[0]!, corners[1]!);
      for (let i = 2; i < corners.length; i += 2) path.lineTo(corners[i]!, corners[i + 1]!);
      path.closePath();
    }
    paths.set(contour, path);
  }
  return path;
}

function shape(
  context: CanvasRenderingContext2D,
  { contour, scale }: Outline,
  px: number,
  colour: string,
  opacity: number,
  strong: boolean,
): void {
  const path = pathOf(contour);
  context.save();
  context.scale(1 / scale, 1 / scale);
  context.globalAlpha = opacity;
  context.fillStyle = colour;
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  if (strong) line(context, RIM, 4 * px * scale, path);
  line(context, colour, (strong ? 2 : 1.5) * px * scale, path);
  context.restore();
}

function line(context: CanvasRenderingContext2D, style: string, width: number, path: Path2D): void {
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke(path);
}

function frame(context: CanvasRenderingContext2D, { left, top, right, bottom }: Box, px: number): void {
  const path = new Path2D();
  path.rect(left, top, right - left, bottom - top);
  line(context, RIM, 4 * px, path);
  context.setLineDash([6 * px, 4 * px]);
  line(context, "#ffffff", 2 * px, path);
  context.setLineDash([]);
}

/** Plus and minus: the colour alone would not tell everybody. */
function dot(context: CanvasRenderingContext2D, { x, y, inside }: Point, px: number): void {
  const disc = new Path2D();
  disc.arc(x, y, 8 * px, 0, 2 * Math.PI);
  context.fillStyle = inside ? "#0f7a45" : "#c02b22";
  line(context, RIM, 5 * px, disc);
  context.fill(disc);
  line(context, "#ffffff", 2 * px, disc);
  const sign = new Path2D();
  sign.moveTo(x - 4 * px, y);
  sign.lineTo(x + 4 * px, y);
  if (inside) {
    sign.moveTo(x, y - 4 * px);
    sign.lineTo(x, y + 4 * px);
  }
  line(context, "#ffffff", 2 * px, sign);
}

function stroke(
  context: CanvasRenderingContext2D,
  { path, radius, erase }: NonNullable<Above["stroke"]>,
  colour: string,
): void {
  context.save();
  context.globalAlpha = 0.6;
  context.strokeStyle = erase ? "#ffffff" : colour;
  context.lineCap = "round";
  context.lineWidth = 2 * radius;
  context.beginPath();
  context.moveTo(path[0] ?? 0, path[1] ?? 0);
  for (let i = 0; i + 1 < path.length; i += 2) context.lineTo(path[i]!, path[i + 1]!);
  context.stroke();
  context.restore();
}

function ring(context: CanvasRenderingContext2D, { x, y }: Place, radius: number, px: number): void {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  line(context, RIM, 3 * px, path);
  line(context, "#ffffff", 1.5 * px, path);
}

function cross(context: CanvasRenderingContext2D, { x, y }: Place, px: number): void {
  const path = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    path.moveTo(x + 4 * dx * px, y + 4 * dy * px);
    path.lineTo(x + 14 * dx * px, y + 14 * dy * px);
  }
  line(context, RIM, 5 * px, path);
  line(context, "#ffffff", 2.5 * px, path);
}
