/** The service's time, as its answers tell it: a device's clock may be wrong by hours. */

const EXACT_MS = 2000; // a Date header has whole seconds, and an answer is under way for a while
let ahead = 0;

/** date: an answer's Date header. */
export function heard(date: string | null): void {
  const difference = Date.parse(date ?? "") - Date.now();
  if (Number.isNaN(difference)) return;
  ahead = Math.abs(difference) > EXACT_MS ? difference : 0;
}

/** Ms since 1970. */
export function serviceNow(): number {
  return Date.now() + ahead;
}
