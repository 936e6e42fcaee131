/** What would be refused after the upload is told while it can still be mended. */
import { isAsked, type Marked } from "./objects";
import type { Outline } from "./segmenter";

/** Of the photo, as the service's check of masks has it (docs/api.md). */
const LEAST = 0.0005;
const MOST = 0.95;

export function trouble(object: Marked, outline: Outline | undefined): string | undefined {
  if (!isAsked(object) && !object.edits.length) return "Click what belongs to it.";
  if (!outline || outline.coarse) return undefined; // the fine one tells
  if (outline.share === 0) return "Nothing was found there. Click another part, or draw a box.";
  if (outline.share < LEAST) return "Too small for a model. Add more of it.";
  if (outline.share > MOST) return "This is nearly the whole photo. Remove what does not belong to it.";
  return undefined;
}
