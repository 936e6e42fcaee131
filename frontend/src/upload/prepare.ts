/** Checks a photo before it is sent, and brings one that is over a limit within it. */
import { Refusal } from "../api/problem";
import { HEAD_BYTES, kindOf, type Kind } from "./kinds";
import { MAX_BYTES, MAX_SIDE, MIN_SIDE, sentSize } from "./limits";

export interface Prepared {
  blob: Blob;
  type: string;
  /** What was done to the photo, if anything, for the person to read. */
  note?: string;
}

const JPEG_QUALITY = 0.92;

export async function prepare(file: Blob): Promise<Prepared> {
  if (file.size === 0) throw new Refusal("image_corrupt", "The file is empty.", "Choose another photo.");
  const kind = kindOf(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  // Upright, as the browser shows it: its EXIF orientation is applied.
  const image = await createImageBitmap(file).catch(() => {
    throw unreadable(kind);
  });
  try {
    return await within(file, kind, image);
  } finally {
    image.close();
  }
}

async function within(file: Blob, kind: Kind, image: ImageBitmap): Promise<Prepared> {
  const { width, height } = image;
  if (Math.min(width, height) < MIN_SIDE) {
    throw new Refusal(
      "image_too_small",
      `The photo has ${width} × ${height} pixels.`,
      `Choose one with at least ${MIN_SIDE} pixels a side.`,
    );
  }
  const size = sentSize(width, height, file.size);
  const taken = kind === "jpeg" || kind === "png" || kind === "webp";
  const fits = Math.max(width, height) <= MAX_SIDE && file.size <= MAX_BYTES;
  if (taken && fits) return { blob: file, type: `image/${kind}` };
  if (Math.min(size.width, size.height) < MIN_SIDE) {
    throw new Refusal("image_too_large", `The photo is too long and narrow.`, "Cut it to what matters.");
  }
  const blob = await drawn(image, size.width, size.height);
  if (blob.size > MAX_BYTES) {
    throw new Refusal("image_too_heavy", "The photo is larger than 20 MB.", "Choose a smaller one.");
  }
  const note = fits
    ? "Converted to JPEG."
    : `Made smaller, from ${width} × ${height} to ${size.width} × ${size.height} pixels, to keep to the limits.`;
  return { blob, type: "image/jpeg", note };
}

function drawn(image: ImageBitmap, width: number, height: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context)
    throw new Refusal(
      "image_too_large",
      "This browser cannot make the photo smaller.",
      "Make it smaller first.",
    );
  context.fillStyle = "white"; // JPEG knows no transparency
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
}

function unreadable(kind: Kind): Refusal {
  switch (kind) {
    case "heic":
      return new Refusal(
        "image_unsupported",
        "This is a HEIC photo, which this browser cannot read.",
        "Save it as JPEG first. On an iPhone: Settings, Camera, Formats, Most Compatible.",
      );
    case "other":
      return new Refusal(
        "image_unsupported",
        "This is no photo that we can read.",
        "Choose a JPEG, PNG or WebP.",
      );
    default:
      return new Refusal(
        "image_corrupt",
        "The photo is damaged or too large to open.",
        "Choose another one.",
      );
  }
}
