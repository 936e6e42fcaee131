/** Whether there is a graphics card for the decoder. Weights and embeddings are in half precision, which not all read. */
export async function hasGpu(): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter?.features.has("shader-f16") ?? false;
}
