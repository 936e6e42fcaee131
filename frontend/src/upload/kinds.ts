/** What a file is by its first bytes; its name and the browser's word for it may be wrong. */
export type Kind = "jpeg" | "png" | "webp" | "heic" | "other";

/** As many bytes as `kindOf` wants to see. */
export const HEAD_BYTES = 32;

const HEIC_BRANDS = new Set(["heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"]);

export function kindOf(head: Uint8Array): Kind {
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) return "webp";
  if (text.startsWith("ftyp", 4) && HEIC_BRANDS.has(text.slice(8, 12))) return "heic";
  return "other";
}
