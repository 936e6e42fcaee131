/** How the photo lies on the stage: screen = photo * scale + (x, y). Pure. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Place {
  x: number;
  y: number;
}

const MARGIN = 16;
const CLOSEST = 24; // px of the screen for one of the photo

/** All of the photo, as large as it can be. */
export function fit(stage: Size, photo: Size): View {
  const room = (side: number) => Math.max(side - 2 * MARGIN, 1);
  const scale = Math.min(room(stage.width) / photo.width, room(stage.height) / photo.height);
  return {
    scale,
    x: (stage.width - photo.width * scale) / 2,
    y: (stage.height - photo.height * scale) / 2,
  };
}

export function toPhoto({ scale, x, y }: View, at: Place): Place {
  return { x: (at.x - x) / scale, y: (at.y - y) / scale };
}

export function toScreen({ scale, x, y }: View, at: Place): Place {
  return { x: at.x * scale + x, y: at.y * scale + y };
}

export function within(place: Place, photo: Size): boolean {
  return place.x >= 0 && place.y >= 0 && place.x <= photo.width && place.y <= photo.height;
}

export function clampedTo(place: Place, photo: Size): Place {
  return { x: clamp(place.x, 0, photo.width), y: clamp(place.y, 0, photo.height) };
}

/** What lies under `at` on the screen stays there. */
export function zoomed(view: View, factor: number, at: Place, stage: Size, photo: Size): View {
  const least = Math.min(fit(stage, photo).scale, 1);
  const scale = clamp(view.scale * factor, least, Math.max(CLOSEST, least));
  const held = toPhoto(view, at);
  return kept({ scale, x: at.x - held.x * scale, y: at.y - held.y * scale }, stage, photo);
}

export function moved(view: View, dx: number, dy: number, stage: Size, photo: Size): View {
  return kept({ ...view, x: view.x + dx, y: view.y + dy }, stage, photo);
}

/** So that a place of the photo is on the stage, with some room around it. */
export function showing(view: View, place: Place, stage: Size, photo: Size): View {
  const { x, y } = toScreen(view, place);
  const dx = clamp(x, 2 * MARGIN, Math.max(stage.width - 2 * MARGIN, 2 * MARGIN)) - x;
  const dy = clamp(y, 2 * MARGIN, Math.max(stage.height - 2 * MARGIN, 2 * MARGIN)) - y;
  return dx || dy ? moved(view, dx, dy, stage, photo) : view;
}

/** On a stage of another size a photo that was shown whole is so again; a closer look stays as close, at its middle. */
export function resized(view: View, before: Size, stage: Size, photo: Size): View {
  const whole = fit(stage, photo);
  if (view.scale <= Math.max(fit(before, photo).scale, whole.scale)) return whole;
  return moved(view, (stage.width - before.width) / 2, (stage.height - before.height) / 2, stage, photo);
}

/** A photo that fits is centred; a larger one covers the stage up to its margin. */
function kept(view: View, stage: Size, photo: Size): View {
  const along = (offset: number, room: number, length: number) =>
    length <= room - 2 * MARGIN ? (room - length) / 2 : clamp(offset, room - MARGIN - length, MARGIN);
  return {
    scale: view.scale,
    x: along(view.x, stage.width, photo.width * view.scale),
    y: along(view.y, stage.height, photo.height * view.scale),
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
