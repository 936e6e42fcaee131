/** Whether a graphics card decodes faster than the processor: both are timed on a photo, with the same click. */
import type { Decoder } from "./onnx";
import type { Prompts } from "./objects";

type Timed = Pick<Decoder, "decode" | "release">;

const TIMES = 3;
const LEAST_ALIKE = 0.99; // of the px; drivers are known to be wrong

/** gpu, cpu: make a decoder of the same photo. False where the card fails, or makes other masks. */
export async function gpuIsFaster(
  click: Prompts,
  gpu: () => Promise<Timed>,
  cpu: () => Promise<Timed>,
): Promise<boolean> {
  const ours = await timed(click, gpu).catch(() => undefined);
  if (!ours) return false;
  const theirs = await timed(click, cpu);
  return ours.ms < theirs.ms && alike(ours.logits, theirs.logits) >= LEAST_ALIKE;
}

async function timed(click: Prompts, make: () => Promise<Timed>) {
  const decoder = await make();
  try {
    let { candidates } = await decoder.decode(click); // compiles and allocates
    let ms = Infinity;
    for (let i = 0; i < TIMES; i++) {
      const start = performance.now();
      ({ candidates } = await decoder.decode(click));
      ms = Math.min(ms, performance.now() - start);
    }
    return { ms, logits: candidates[0]!.data };
  } finally {
    await decoder.release();
  }
}

/** Share of px on which both fall on the same side. */
function alike(one: Float32Array, other: Float32Array): number {
  let same = 0;
  for (let i = 0; i < one.length; i++) if (one[i]! > 0 === other[i]! > 0) same++;
  return same / one.length;
}
