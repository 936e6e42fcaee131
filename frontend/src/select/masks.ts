/**
 * From a decoder's logits to a mask of the photo, px for px as client/gen3d/masks.py does it:
 * upscaled bilinearly, cut at the threshold, small holes filled. Both are tested with client/vectors/masks.json.
 */
export interface Plane {
  data: Float32Array;
  width: number;
  height: number;
}

/** 1 inside and 0 outside, row by row. */
export interface Mask {
  data: Uint8Array<ArrayBuffer>;
  width: number;
  height: number;
}

const HOLE_SHARE = 0.005;

export function maskOf(logits: Plane, width: number, height: number, threshold = 0): Mask {
  return fillHoles(upscaledAbove(logits, width, height, threshold));
}

export function emptyMask(width: number, height: number): Mask {
  return { data: new Uint8Array(width * height), width, height };
}

/** With half-pixel centres and the border repeated; inside is what exceeds the threshold. */
export function upscaledAbove(logits: Plane, width: number, height: number, threshold: number): Mask {
  const f = Math.fround; // each step in float32, as Python's client has it: elsewise px on the edge differ
  const columns = neighbours(logits.width, width);
  const rows = neighbours(logits.height, height);
  const wide = new Float32Array(width * logits.height);
  for (let y = 0, at = 0; y < logits.height; y++) {
    const row = y * logits.width;
    for (let x = 0; x < width; x++, at++) {
      const left = logits.data[row + columns.before[x]!]!;
      const right = logits.data[row + columns.after[x]!]!;
      wide[at] = left + f(f(right - left) * columns.weight[x]!);
    }
  }
  const limit = f(threshold);
  const mask = emptyMask(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    const upper = rows.before[y]! * width;
    const lower = rows.after[y]! * width;
    const weight = rows.weight[y]!;
    for (let x = 0; x < width; x++, at++) {
      const high = wide[upper + x]!;
      mask.data[at] = f(high + f(f(wide[lower + x]! - high) * weight)) > limit ? 1 : 0;
    }
  }
  return mask;
}

/** For each target px the px before and after it, and the weight of the latter. */
function neighbours(size: number, target: number) {
  const before = new Uint32Array(target);
  const after = new Uint32Array(target);
  const weight = new Float32Array(target);
  for (let i = 0; i < target; i++) {
    const place = Math.min(Math.max((i + 0.5) * (size / target) - 0.5, 0), size - 1);
    before[i] = Math.floor(place);
    after[i] = Math.min(before[i]! + 1, size - 1);
    weight[i] = place - before[i]!;
  }
  return { before, after, weight };
}

/**
 * Fills pieces of the background that are joined over edges, touch no border, and have at most HOLE_SHARE of the
 * px inside. Works on runs of background px, joined to those of the row above: few, however large the photo is.
 */
export function fillHoles(mask: Mask): Mask {
  const { data, width, height } = mask;
  const runs: number[] = []; // start and end of each, as indices of px
  const parent: number[] = [];
  const size: number[] = [];
  const open: boolean[] = [];
  const root = (run: number): number => {
    while (parent[run] !== run) run = parent[run] = parent[parent[run]!]!;
    return run;
  };
  let inside = 0;
  let above = 0; // first run of the row above
  for (let y = 0; y < height; y++) {
    const first = parent.length;
    let candidate = above;
    for (let x = 0; x < width;) {
      if (data[y * width + x]) {
        inside++;
        x++;
        continue;
      }
      const start = x;
      while (x < width && !data[y * width + x]) x++;
      const run = parent.length;
      runs.push(y * width + start, y * width + x);
      parent.push(run);
      size.push(x - start);
      open.push(y === 0 || y === height - 1 || start === 0 || x === width);
      const up = width * (y - 1);
      while (candidate < first && runs[2 * candidate + 1]! - up <= start) candidate++;
      for (let other = candidate; other < first && runs[2 * other]! - up < x; other++) {
        const [one, two] = [root(other), root(run)];
        if (one === two) continue;
        parent[two] = one;
        size[one]! += size[two]!;
        open[one] ||= open[two]!;
      }
    }
    above = first;
  }
  for (let run = 0; run < parent.length; run++) {
    const piece = root(run);
    if (!open[piece] && size[piece]! <= HOLE_SHARE * inside) data.fill(1, runs[2 * run], runs[2 * run + 1]);
  }
  return mask;
}

export function area(mask: Mask): number {
  let inside = 0;
  for (const px of mask.data) inside += px;
  return inside;
}
