// What can be set of the view, beside the camera.
import { AS_MADE, type Look, type Mode } from "./viewer/layer";
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

const KEY = "gen3d.mode";

/** The way of showing that was chosen last. */
export function rememberedMode(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that stores nothing
  }
}

export function rememberMode(mode: Mode): void {
  try {
    localStorage.setItem(KEY, mode);
  } catch {
    // Then the next model is shown as the first was.
  }
}
