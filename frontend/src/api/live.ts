/**
 * The socket: what happens to the person's photos, as it happens (docs/api.md, "The socket"). Where there is none,
 * nothing is lost: the API tells the same to who asks.
 */
import { api } from "./client";
import type { Happening } from "./types";

export interface Listener {
  onEvent: (event: Happening) => void;
  /** From now on all is told. Unless it `resumed`, something may have happened before that was not. */
  onConnected: (resumed: boolean) => void;
  /** Nothing is told any more, until it is connected again. */
  onLost: () => void;
}

type Message = ({ type: "event" } & Happening) | { type: "pong"; resumed: boolean } | { type: "error" };

const PING = JSON.stringify({ type: "ping" });
const PING_EVERY = 240_000; // a socket that is silent for ten minutes is closed
const PONG_WITHIN = 15_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/** Listens until the returned function is called; a lost socket is opened again where it ended, ever more slowly. */
export function listen(listener: Listener): () => void {
  let socket: WebSocket | undefined;
  let opening = false;
  let connected = false;
  let stopped = false;
  let heard: string | undefined;
  let pause = FIRST_PAUSE;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** One thing is waited for at a time: an answer, the next ping, or the next try. */
  function after(milliseconds: number, then: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(then, milliseconds);
  }

  async function open(): Promise<void> {
    clearTimeout(timer);
    opening = true;
    try {
      const { ticket } = await api.createTicket();
      if (!stopped) follow(new WebSocket(address(ticket, heard)));
    } catch {
      if (!stopped) again();
    } finally {
      opening = false;
    }
  }

  function follow(made: WebSocket): void {
    socket = made;
    made.onopen = ping;
    made.onclose = lost;
    made.onmessage = ({ data }: MessageEvent<string>) => take(JSON.parse(data) as Message);
    after(PONG_WITHIN, lost);
  }

  function ping(): void {
    socket?.send(PING);
    after(PONG_WITHIN, lost);
  }

  function take(message: Message): void {
    if (message.type === "event") {
      heard = message.detail.metadata.event_id;
      listener.onEvent(message);
    } else if (message.type === "pong") {
      after(PING_EVERY, ping);
      pause = FIRST_PAUSE;
      if (!connected) listener.onConnected(message.resumed);
      connected = true;
    }
  }

  function lost(): void {
    leave();
    if (connected) listener.onLost();
    connected = false;
    again();
  }

  function again(): void {
    after(pause * (0.5 + Math.random() / 2), () => void open());
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }

  function leave(): void {
    clearTimeout(timer);
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
    socket = undefined;
  }

  /** Back from sleep or from a lost network: a socket that looks open may be none any more. */
  function look(): void {
    if (document.hidden || opening) return;
    if (!socket) void open();
    else if (socket.readyState === WebSocket.OPEN) ping();
  }

  addEventListener("online", look);
  document.addEventListener("visibilitychange", look);
  void open();
  return () => {
    stopped = true;
    leave();
    removeEventListener("online", look);
    document.removeEventListener("visibilitychange", look);
  };
}

function address(ticket: string, heard: string | undefined): string {
  const asked = new URLSearchParams({ ticket, ...(heard && { from: heard }) });
  return `${location.origin.replace("http", "ws")}/socket?${asked}`;
}
