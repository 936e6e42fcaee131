// What the viewer can show: one of a job's files, in the viewer's frame.
import type { Object3D } from "three";

export type Mode = "splats" | "points" | "mesh";

export interface Look {
  /** In stops: 0 is as it was made, 1 twice as bright. */
  exposure: number;
  /** In px at the model's centre. */
  pointSize: number;
  wireframe: boolean;
  /** null: as the file says. */
  roughness: number | null;
  metalness: number | null;
}

export interface Layer {
  readonly object: Object3D;
  /** Resolves when it was first drawn as it should be; absent where every frame shows it so. */
  readonly drawn?: Promise<void>;
  apply(look: Look): void;
  dispose(): void;
}

export const AS_MADE: Look = {
  exposure: 0,
  pointSize: 3,
  wireframe: false,
  roughness: null,
  metalness: null,
};

/** The factor of a number of stops. */
export function gain(stops: number): number {
  return 2 ** stops;
}
