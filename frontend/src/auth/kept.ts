/** What the browser keeps of a person's photos, beside the tokens. Signing out takes it away. */

/** In Cache Storage. */
export const EMBEDDINGS = "gen3d-embeddings";
/** In localStorage, before a session's id. */
export const MARKS = "gen3d-marks-";

export async function forget(): Promise<void> {
  for (const key of Object.keys(localStorage)) if (key.startsWith(MARKS)) localStorage.removeItem(key);
  await globalThis.caches?.delete(EMBEDDINGS);
}
