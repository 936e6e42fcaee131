/** What becomes of a session: told by the socket, asked of the API where addresses are needed or there is no socket. */
import { api } from "../../api/client";
import { listen } from "../../api/live";
import { asRefusal, type Refusal } from "../../api/problem";
import type { Happening, SessionView } from "../../api/types";
import { expects, isBehind, withHeard } from "./news";
import { steady, STEADY_FOR } from "./steady";

const FIRST_PAUSE = 600;
const LONGEST_PAUSE = 5_000;
const GROWTH = 1.25;
// After a time-out a late result may still come.
const LATE_PAUSE = 30_000;
// What the socket tells comes by it; this is for what it should have told.
const CONNECTED_PAUSE = 60_000;
const SEVERAL_EVENTS = 50; // ms in which those that come together are one reason to ask

export interface News {
  session?: SessionView;
  /** Why there is no news. The last session stays, unless it does not exist any more. */
  problem?: Refusal;
}

export interface Watch {
  /** Asks at once. */
  look: () => void;
  stop: () => void;
}

export function watch(sessionId: string, onNews: (news: News) => void): Watch {
  const heard = new Map<string, Happening>();
  let answer: SessionView | undefined;
  let session: SessionView | undefined;
  let loaded = 0;
  let pause = FIRST_PAUSE;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let askAgain = false; // what is asked for while an answer is on its way may be newer than that answer
  let missing = false; // deleted, it may be restored
  let stopped = false;
  let connected = false;
  let leave: (() => void) | undefined;

  async function ask(): Promise<void> {
    if (asking) {
      askAgain = true;
      return;
    }
    asking = true;
    askAgain = false;
    clearTimeout(timer);
    try {
      const fresh = await api.session(sessionId);
      if (stopped) return;
      missing = false;
      const old = Date.now() - loaded > STEADY_FOR;
      if (old) loaded = Date.now();
      answer = old ? fresh : steady(answer, fresh);
      tell(answer);
    } catch (error) {
      if (stopped) return;
      const problem = asRefusal(error);
      if (problem.code === "session_not_found") {
        answer = session = undefined;
        missing = true;
        clearTimeout(timer);
      } else if (problem.code !== "unauthorized") askIn(LONGEST_PAUSE);
      onNews({ ...(session && { session }), problem });
    } finally {
      asking = false;
      if (askAgain && !stopped) void ask();
    }
  }

  function tell(known: SessionView): void {
    const before = session?.state;
    session = withHeard(known, heard.values());
    onNews({ session });
    if (session.state !== before) pause = FIRST_PAUSE;
    const wait = waitFor(session);
    if (wait === undefined) hush();
    else {
      leave ??= listen({ onEvent, onConnected, onLost });
      askIn(wait);
    }
  }

  /** Until the API is asked again; undefined where nothing is to be expected. */
  function waitFor(known: SessionView): number | undefined {
    const expected = expects(known);
    if (isBehind(known, heard.values()) || (expected === "soon" && !connected)) {
      const wait = pause;
      pause = Math.min(pause * GROWTH, LONGEST_PAUSE);
      return wait;
    }
    return expected && (connected ? CONNECTED_PAUSE : LATE_PAUSE);
  }

  function askIn(milliseconds: number): void {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(() => void ask(), milliseconds);
  }

  function onEvent(event: Happening): void {
    const { session_id: about, event_id: id } = event.detail.metadata;
    if (about !== sessionId || heard.has(id)) return;
    heard.set(id, event);
    if (missing) askIn(SEVERAL_EVENTS);
    if (!answer) return;
    pause = FIRST_PAUSE;
    tell(answer);
    if (session && isBehind(session, heard.values())) askIn(SEVERAL_EVENTS);
  }

  function onConnected(resumed: boolean): void {
    connected = true;
    if (!resumed) void ask();
  }

  function onLost(): void {
    connected = false;
    look();
  }

  function hush(): void {
    clearTimeout(timer);
    leave?.();
    leave = undefined;
    connected = false;
  }

  function look(): void {
    if (document.hidden) return;
    pause = FIRST_PAUSE;
    void ask();
  }

  document.addEventListener("visibilitychange", look);
  addEventListener("online", look);
  void ask();
  return {
    look,
    stop: () => {
      stopped = true;
      hush();
      document.removeEventListener("visibilitychange", look);
      removeEventListener("online", look);
    },
  };
}
