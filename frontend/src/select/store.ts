/** Marks outlive a reload and a closed tab. They are places in a photo, nothing of its content. */
import { MARKS } from "../auth/kept";
import { NOTHING, type Marks } from "./objects";

const KEPT = 20;

export function recall(session: string): Marks {
  try {
    const { marks } = JSON.parse(localStorage.getItem(MARKS + session) ?? "") as { marks: Marks };
    return Array.isArray(marks.objects) ? marks : NOTHING;
  } catch {
    return NOTHING;
  }
}

export function remember(session: string, marks: Marks): void {
  try {
    const key = MARKS + session;
    if (!marks.objects.length) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ at: Date.now(), marks }));
    const kept = Object.keys(localStorage).filter((it) => it.startsWith(MARKS));
    const at = (it: string) => Number((JSON.parse(localStorage.getItem(it) ?? "{}") as { at?: number }).at);
    for (const old of kept.sort((a, b) => at(b) - at(a)).slice(KEPT)) localStorage.removeItem(old);
  } catch {
    // A browser that stores nothing, or no more: the marks last as long as the page.
  }
}
