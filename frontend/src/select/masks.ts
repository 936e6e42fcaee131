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

/**
 * With half-pixel centres and the border repeated; inside is what exceeds the threshold. Between four logits of which
 * all exceed it, or none does, nothing needs to be interpolated: that is nearly all of a mask.
 */
export function upscaledAbove(logits: Plane, width: number, height: number, threshold: number): Mask {
  const f = Math.fround; // each step in float32, as Python's client has it: elsewise px on the edge differ
  const columns = neighbours(logits.width, width);
  const rows = neighbours(logits.height, height);
  const limit = f(threshold);
  const mask = emptyMask(width, height);
  const { data } = logits;
  // To look at each logit pays only where there are more px.
  const side = data.length < mask.data.length ? sides(data, limit) : undefined;
  const first = starts(columns.before, logits.width);
  let spans: Span[] = [{ start: 0, end: width, inside: false }];
  for (let y = 0; y < height; y++) {
    const upper = rows.before[y]! * logits.width;
    const lower = rows.after[y]! * logits.width;
    if (side && (y === 0 || rows.before[y] !== rows.before[y - 1]))
      spans = spansBetween(side.subarray(upper), side.subarray(lower), first);
    const weight = rows.weight[y]!;
    const row = y * width;
    for (const { start, end, inside } of spans) {
      if (inside) mask.data.fill(1, row + start, row + end);
      else
        for (let x = start; x < end; x++) {
          const [before, after] = [columns.before[x]!, columns.after[x]!];
          const [left, right] = [data[upper + before]!, data[lower + before]!];
          const high = f(left + f(f(data[upper + after]! - left) * columns.weight[x]!));
          const low = f(right + f(f(data[lower + after]! - right) * columns.weight[x]!));
          if (f(high + f(f(low - high) * weight)) > limit) mask.data[row + x] = 1;
        }
    }
  }
  return mask;
}

/** Px of a row from start up to end: all inside, or to be interpolated. All others are outside. */
interface Span {
  start: number;
  end: number;
  inside: boolean;
}

const UNSURE = 5; // more than four times 1
const ROUNDING = 1e-6; // of the largest logit: float32 has 7 digits

/** Of each logit: 0 for outside, 1 for inside, UNSURE where rounding could decide. */
function sides(data: Float32Array, limit: number): Uint8Array {
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]!);
    if (size > largest) largest = size;
  }
  const [low, high] = [limit - ROUNDING * largest, limit + ROUNDING * largest];
  const side = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) side[i] = data[i]! > high ? 1 : data[i]! < low ? 0 : UNSURE;
  return side;
}

/** Of each column of logits the first px after it, and how many px there are. before: of each px its column. */
function starts(before: Uint32Array, columns: number): Uint32Array {
  const first = new Uint32Array(columns + 1);
  for (let column = 0, px = 0; column <= columns; column++) {
    while (px < before.length && before[px]! < column) px++;
    first[column] = px;
  }
  return first;
}

/** upper, lower: sides of two rows of logits. first: where each column's px start. */
function spansBetween(upper: Uint8Array, lower: Uint8Array, first: Uint32Array): Span[] {
  const spans: Span[] = [];
  const columns = first.length - 1;
  for (let left = 0; left < columns; left++) {
    const right = Math.min(left + 1, columns - 1);
    const sum = upper[left]! + upper[right]! + lower[left]! + lower[right]!;
    const [start, end] = [first[left]!, first[left + 1]!];
    if (sum === 0 || start === end) continue;
    const inside = sum === 4;
    const last = spans.at(-1);
    if (last?.end === start && last.inside === inside) last.end = end;
    else spans.push({ start, end, inside });
  }
  return spans;
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
    const row = data.subarray(y * width, (y + 1) * width);
    for (let x = 0; x < width;) {
      const start = next(row, 0, x);
      inside += start - x;
      if (start === width) break;
      x = next(row, 1, start);
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

/** Where the first such px from x on is; the row's length if there is none. */
export function next(row: Uint8Array, value: 0 | 1, x: number): number {
  const found = row.indexOf(value, x);
  return found < 0 ? row.length : found;
}
