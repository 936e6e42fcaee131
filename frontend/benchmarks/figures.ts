/** How benchmarks tell what they measured: a table for people, and out/bench/web-NAME.json. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OUT = join(import.meta.dirname, "../../out/bench");

export type Row = Record<string, string | number>;

export function tell(name: string, title: string, rows: readonly Row[]): void {
  console.log(`\n${title}`);
  console.table(rows);
  mkdirSync(OUT, { recursive: true });
  writeFileSync(join(OUT, `web-${name}.json`), `${JSON.stringify(rows, null, 2)}\n`);
}

/** By nearest rank. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? 0;
}

export const tenths = (value: number): number => Math.round(10 * value) / 10;
