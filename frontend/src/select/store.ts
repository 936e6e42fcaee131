/** Marks outlive a reload and a closed tab. They are places in a photo, nothing of its content. */
import { MARKS } from "../auth/kept";
import { NOTHING, type Marks } from "./objects";

const KEPT = 20;

export function recall(session: string): Marks {
  return marksIn(localStorage.getItem(MARKS + session));
}

function marksIn(kept: string | null): Marks {
  try {
    const { marks } = JSON.parse(kept ?? "") as { marks: Marks };
    return Array.isArray(marks.objects) ? marks : NOTHING;
  } catch {
    return NOTHING;
  }
}

/** Hears of marks made in another tab: marks of two that know nothing of each other would take turns to be lost. */
export function watch(session: string, onMarks: (marks: Marks) => void): () => void {
  const listen = ({ key, oldValue, newValue }: StorageEvent) => {
    if (key !== MARKS + session || !newValue) return;
    const marks = marksIn(newValue);
    if (JSON.stringify(marks) !== JSON.stringify(marksIn(oldValue))) onMarks(marks);
  };
  addEventListener("storage", listen);
  return () => removeEventListener("storage", listen);
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
