/** The decoder's life beside the page: loaded once for a photo, asked whenever marks change, started anew if it fails. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { api } from "../api/client";
import type { EmbeddingView, SessionView } from "../api/types";
import { MaskDecoder, type Known } from "./decoder";
import { keepDevice, keptDevice, measureDevice } from "./device";
import { failureOf, type Failure } from "./failure";
import { active, clicks, isAsked, refined, type Marked, type Marks, type Point } from "./objects";
import type { SelectedObject } from "../app/contracts";
import type { Candidate, Outline, Wanted } from "./segmenter";

const REST_MS = 80; // before a preview is refined, and before a next click is expected

/** An object, from its first mark until it is gone: another may get its number. */
interface Life {
  /** What it was last asked of. */
  wanted: string;
}

export type Readiness =
  { state: "loading"; share: number } | { state: "ready" } | { state: "failed"; failure: Failure };

export function useMasks(
  session: SessionView,
  marks: Marks,
  onOutline: (object: Marked, outline: Outline) => void,
) {
  const decoder = useRef<MaskDecoder>(undefined);
  const [readiness, setReadiness] = useState<Readiness>({ state: "loading", share: 0 });
  const [attempt, setAttempt] = useState(0);
  const [known, setKnown] = useState<ReadonlyMap<number, Known>>(new Map());
  // Kept when the decoder fails, as the outlines are: what a person has the focus on stays.
  const [readings, setReadings] = useState<ReadonlyMap<number, readonly Candidate[]>>(new Map());
  const [hover, setHover] = useState<Known>();
  const asked = useRef(new Map<number, Life>());
  const pointed = useRef<Wanted>(undefined);
  const resting = useRef<ReturnType<typeof setTimeout>>(undefined);

  const fail = useCallback((error: unknown) => {
    decoder.current?.close();
    decoder.current = undefined;
    const failure = failureOf(error);
    // It may have been the graphics card; it was not, where something cannot be fetched or is damaged.
    if (failure.code === "page_error" && keptDevice() === "gpu") keepDevice("cpu");
    asked.current.clear();
    pointed.current = undefined;
    setHover(undefined);
    setReadiness({ state: "failed", failure });
  }, []);

  // Once for a photo, not for its addresses, which change with each answer of the API.
  useEffect(() => {
    const made = new MaskDecoder((share) =>
      setReadiness((old) => (old.state === "loading" ? { state: "loading", share } : old)),
    );
    decoder.current = made;
    setReadiness({ state: "loading", share: 0 });
    void (async () => {
      try {
        const device = keptDevice() ?? "cpu";
        const used = await made.load(embeddingOf(session), device).catch(async (error: unknown) => {
          if (failureOf(error).code !== "network") throw error;
          // The addresses live an hour: with fresh ones it may go better.
          const fresh = await api.session(session.session_id).catch(() => Promise.reject(error));
          return made.load(embeddingOf(fresh), device);
        });
        if (used !== device) keepDevice(used);
        if (decoder.current === made) setReadiness({ state: "ready" });
      } catch (error) {
        if (decoder.current === made) fail(error);
      }
    })();
    return () => {
      made.close();
      if (decoder.current === made) decoder.current = undefined;
      asked.current.clear();
    };
  }, [session.session_id, attempt]);

  // Before the marks themselves are painted: the worker need not wait for that.
  useLayoutEffect(() => {
    const made = decoder.current;
    const gone = (id: number) => !marks.objects.some((it) => it.id === id);
    for (const id of asked.current.keys()) if (gone(id)) asked.current.delete(id);
    setKnown((old) => without(gone, old));
    setReadings((old) => without(gone, old));
    if (readiness.state !== "ready" || !made) return;
    for (const object of marks.objects) {
      const wanted = JSON.stringify(wantedOf(object));
      const life = asked.current.get(object.id) ?? { wanted: "" };
      if (life.wanted === wanted) continue;
      life.wanted = wanted;
      asked.current.set(object.id, life);
      const keep = (outline: Outline) =>
        setKnown((old) => {
          const was = old.get(object.id);
          const late = life.wanted !== wanted && was?.wanted === life.wanted; // after an undo
          return late || was?.outline === outline ? old : new Map(old).set(object.id, { wanted, outline });
        });
      const show = (outline: Outline): boolean => {
        if (decoder.current !== made || asked.current.get(object.id) !== life) return false;
        keep(outline);
        const newest = life.wanted === wanted;
        if (newest && !outline.coarse) {
          onOutline(object, outline);
          void measureDevice(embeddingOf(session));
        }
        return newest && outline.coarse;
      };
      // What the preview of this very click shows becomes the object's, and nothing coarse comes after what is fine.
      const shown = [known.get(object.id), hover].find((it) => it?.wanted === wanted)?.outline;
      if (shown) keep(shown);
      made
        .outline(object.id, wantedOf(object), show, shown !== undefined)
        .catch((error: unknown) => decoder.current === made && fail(error));
    }
  }, [marks.objects, readiness.state]);

  // Once an outline is seen, not before: where cores are few, that would hold up its painting.
  const chosen = active(marks);
  const seen = chosen && known.get(chosen.id);
  useEffect(() => {
    const made = decoder.current;
    // Once it is ready, all outlines are asked for anew.
    if (readiness.state !== "ready" || !made || !seen || seen.outline.coarse) return;
    const newest = () => asked.current.get(chosen.id)?.wanted === seen.wanted;
    if (!newest()) return;
    const failed = (error: unknown) => decoder.current === made && fail(error);
    made
      .candidates(wantedOf(chosen))
      .then((all) => newest() && setReadings((old) => new Map(old).set(chosen.id, all)), failed);
    const timer = setTimeout(() => made.expect(wantedOf(chosen)).catch(failed), REST_MS);
    return () => clearTimeout(timer);
  }, [seen]);

  /**
   * Shows what a click there would make of the object; of nothing where there is no place. Finer after a rest; without
   * one where a button or a finger goes down, so that the click finds its outline made, or nearly so. The same place
   * told again, as a pen that only tilts does, is no news.
   */
  const preview = useCallback(
    (object: Marked | undefined, point: Point | undefined, pressed = false) => {
      const made = readiness.state === "ready" ? decoder.current : undefined; // it cannot be asked while it loads
      const base = object ?? UNMARKED;
      const meant = point && { ...wantedOf(base), ...refined(base, point) };
      const wanted = made && meant && isAsked(meant) ? meant : undefined;
      const key = JSON.stringify(wanted);
      if (wanted && !pressed && key === JSON.stringify(pointed.current)) return;
      clearTimeout(resting.current);
      pointed.current = wanted;
      if (!made || !wanted) return setHover(undefined);
      const show = (outline: Outline): boolean => {
        if (!pointed.current || decoder.current !== made) return false;
        setHover({ wanted: key, outline });
        const unfinished = outline.coarse && pointed.current === wanted;
        if (unfinished && !pressed) resting.current = setTimeout(() => ask(true), REST_MS);
        return unfinished && pressed;
      };
      const ask = (glanced: boolean) =>
        made
          .foresee(wanted, show, glanced)
          .catch((error: unknown) => decoder.current === made && fail(error));
      void ask(false);
    },
    [readiness.state],
  );

  async function selected(): Promise<SelectedObject[]> {
    const made = decoder.current;
    if (!made) return [];
    try {
      const objects: SelectedObject[] = [];
      for (const object of marks.objects) {
        const { data, width, height, png } = await made.mask(wantedOf(object));
        const { name, colour } = object;
        const count = clicks(object);
        const refinements = Math.max(count - 1, 0);
        objects.push({
          id: `${object.id}`,
          name,
          colour,
          mask: data,
          png,
          width,
          height,
          clicks: count,
          refinements,
        });
      }
      return objects;
    } catch (error) {
      if (decoder.current === made) fail(error);
      return [];
    }
  }

  // The same as long as no outline changes, whatever becomes of the marks.
  const outlines = useMemo(() => new Map([...known].map(([id, { outline }]) => [id, outline])), [known]);
  /** Of the object's marks as they are now. */
  const newest = (object: Marked): Outline | undefined => {
    const it = known.get(object.id);
    return it?.wanted === JSON.stringify(wantedOf(object)) ? it.outline : undefined;
  };
  /** Whether nothing is to come for any object. */
  const settled = marks.objects.every((it) => newest(it)?.coarse === false);
  /** Of the active object. */
  const candidates = (chosen && readings.get(chosen.id)) ?? [];
  return {
    readiness,
    outlines,
    candidates,
    settled,
    /** Of the active object, if it is that of its marks as they are now. */
    outlined: chosen && newest(chosen),
    hover: hover?.outline,
    preview,
    selected,
    reload: () => setAttempt((it) => it + 1),
  };
}

const UNMARKED: Wanted = { points: [], candidate: 0, edits: [], threshold: 0 };

/** The same map where nothing of it is gone. */
function without<T>(gone: (id: number) => boolean, old: ReadonlyMap<number, T>): ReadonlyMap<number, T> {
  return [...old.keys()].some(gone) ? new Map([...old].filter(([id]) => !gone(id))) : old;
}

function wantedOf({ points, box, candidate, chosen, edits, threshold }: Wanted): Wanted {
  return { points, box, candidate, chosen, edits, threshold };
}

function embeddingOf({ embedding }: SessionView): EmbeddingView {
  if (!embedding) throw new Error("The photo is not prepared.");
  return embedding;
}
