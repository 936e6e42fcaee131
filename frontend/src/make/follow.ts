// Asks for a job until it has ended. It survives being offline, and a page in the background asks seldom.
import type { JobView } from "../api/types";

export interface Follower {
  /** Asks at once: something says that there is news. */
  nudge(): void;
  stop(): void;
}

export interface FollowOptions {
  load: (signal: AbortSignal) => Promise<JobView>;
  onJob: (job: JobView) => void;
  /** What went wrong, and whether it goes on nevertheless; null when all is well again. */
  onTrouble: (trouble: { error: unknown; final: boolean } | null) => void;
  /** Whether asking again is of no use, as for a job that does not exist. */
  isFinal: (error: unknown) => boolean;
}

const FIRST_PAUSE = 700;
const LONGEST_PAUSE = 4_000;
const HIDDEN_PAUSE = 20_000;
const LONGEST_TROUBLE_PAUSE = 30_000;
const GROWTH = 1.2;

/** Whether nothing more is to be expected soon: a mesh, a failure, or a refused mask. */
export function ended(job: JobView): boolean {
  if (job.state === "awaiting_mask") return job.problem !== undefined;
  return job.state === "completed" || job.state === "failed" || job.state === "timed_out";
}

export function follow({ load, onJob, onTrouble, isFinal }: FollowOptions): Follower {
  const cancelled = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE;
  let asking = false;
  let troubled = false;

  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    try {
      const job = await load(cancelled.signal);
      if (cancelled.signal.aborted) return;
      if (troubled) onTrouble(null);
      pause = troubled ? FIRST_PAUSE : Math.min(pause * GROWTH, LONGEST_PAUSE);
      troubled = false;
      onJob(job);
      if (ended(job)) return stop();
    } catch (error) {
      if (cancelled.signal.aborted) return;
      const final = isFinal(error);
      onTrouble({ error, final });
      if (final) return stop();
      troubled = true;
      pause = Math.min(pause * 2, LONGEST_TROUBLE_PAUSE);
    } finally {
      asking = false;
    }
    timer = setTimeout(() => void ask(), document.hidden ? Math.max(pause, HIDDEN_PAUSE) : pause);
  }

  function nudge(): void {
    if (cancelled.signal.aborted || document.hidden) return;
    pause = FIRST_PAUSE;
    void ask();
  }

  function stop(): void {
    cancelled.abort();
    clearTimeout(timer);
    window.removeEventListener("online", nudge);
    document.removeEventListener("visibilitychange", nudge);
  }

  window.addEventListener("online", nudge);
  document.addEventListener("visibilitychange", nudge);
  void ask();
  return { nudge, stop };
}
