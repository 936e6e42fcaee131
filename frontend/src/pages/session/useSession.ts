import { useEffect, useRef, useState } from "preact/hooks";

import { api } from "../../api/client";
import { asRefusal, type Refusal } from "../../api/problem";
import type { JobView, SessionView } from "../../api/types";
import { steady } from "./steady";

const FIRST_PAUSE = 600;
const LONGEST_PAUSE = 5_000;
const GROWTH = 1.25;
// After a time-out a late result may still come; and addresses of files live an hour.
const LATE_PAUSE = 30_000;
const REFRESH_AFTER = 45 * 60_000;

export interface Watched {
  session: SessionView | undefined;
  /** Why there is no news. The last news stays. */
  problem: Refusal | undefined;
  refresh: () => void;
  /** News that somebody else heard. */
  setJob: (job: JobView) => void;
}

/** A session and what becomes of it, as long as something is to be expected. */
export function useSession(sessionId: string): Watched {
  const [session, setSession] = useState<SessionView>();
  const [problem, setProblem] = useState<Refusal>();
  const wake = useRef<() => void>(() => undefined);

  useEffect(() => {
    let known: SessionView | undefined;
    let loaded = 0;
    let pause = FIRST_PAUSE;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    let asking = false;

    async function ask(): Promise<void> {
      if (asking) return;
      asking = true;
      clearTimeout(timer);
      let wait: number | undefined;
      try {
        const fresh = await api.session(sessionId);
        if (stopped) return;
        const old = Date.now() - loaded > REFRESH_AFTER;
        if (old) loaded = Date.now();
        if (known?.state !== fresh.state) pause = FIRST_PAUSE;
        known = old ? fresh : steady(known, fresh);
        setSession(known);
        setProblem(undefined);
        wait = expects(known, pause);
      } catch (error) {
        if (stopped) return;
        const refusal = asRefusal(error);
        setProblem(refusal);
        if (refusal.code === "session_not_found" || refusal.code === "unauthorized") return;
        wait = LONGEST_PAUSE;
      } finally {
        asking = false;
      }
      pause = Math.min(pause * GROWTH, LONGEST_PAUSE);
      if (wait !== undefined && !document.hidden) timer = setTimeout(() => void ask(), wait);
    }

    const look = () => {
      if (document.hidden) return;
      pause = FIRST_PAUSE;
      void ask();
    };
    wake.current = look;
    document.addEventListener("visibilitychange", look);
    addEventListener("online", look);
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
      removeEventListener("online", look);
    };
  }, [sessionId]);

  return {
    session,
    problem,
    refresh: () => wake.current(),
    setJob: (job) =>
      setSession(
        (it) => it && { ...it, jobs: it.jobs.map((other) => (other.job_id === job.job_id ? job : other)) },
      ),
  };
}

/** How long to wait for news; undefined where none is to be expected. */
function expects(session: SessionView, pause: number): number | undefined {
  const states = [session.state, ...session.jobs.map((job) => job.state)];
  if (states.some((state) => UNDER_WAY.has(state))) return pause;
  return states.includes("timed_out") ? LATE_PAUSE : undefined;
}

const UNDER_WAY = new Set<string>([
  "awaiting_photo",
  "preparing",
  "awaiting_mask",
  "queued",
  "reconstructing",
  "meshing",
]);
