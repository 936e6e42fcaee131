// What can be set of the view, beside the camera.
import { AS_MADE, type Look } from "./viewer/layer";
import type { Light } from "./viewer/stage";

export type Background = "dark" | "light" | "checker";

export interface Settings {
  look: Look;
  light: Light;
  background: Background;
}

export const USUAL: Settings = {
  look: AS_MADE,
  light: { strength: 1, direction: 35 },
  background: "dark",
};
