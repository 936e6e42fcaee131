// The viewer's frame is glTF's: right-handed, Y up, front at +Z. docs/formats.md says each file's.

export type Vector = readonly [number, number, number];

export interface Box {
  min: Vector;
  max: Vector;
}

/** About x, in radians: what turns a file with Z up and its front at -Y, such as a splats' PLY, into the frame. */
export const Z_UP_TO_Y_UP = -Math.PI / 2;

/** Where a point of a Z-up file lies in the viewer's frame: the same turn, without rounding. */
export function yUp([x, y, z]: Vector): Vector {
  return [x, z, -y];
}

export function size({ min, max }: Box): Vector {
  return [max[0] - min[0], max[1] - min[1], max[2] - min[2]];
}

export function centre({ min, max }: Box): Vector {
  return [(min[0] + max[0]) / 2, (min[1] + max[1]) / 2, (min[2] + max[2]) / 2];
}

/** Half the box's diagonal, and never 0. */
export function radius(box: Box): number {
  return Math.max(Math.hypot(...size(box)) / 2, 1e-6);
}

/** How far a camera must be so that a ball is in full view. fov: vertical, in degrees; aspect: width / height. */
export function distance(ball: number, fov: number, aspect: number): number {
  const vertical = (fov * Math.PI) / 360;
  const horizontal = Math.atan(Math.tan(vertical) * aspect);
  return ball / Math.sin(Math.min(vertical, horizontal));
}
