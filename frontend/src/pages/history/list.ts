/** The list of sessions, as it becomes older while it is looked at. */
import { api } from "../../api/client";
import type { SessionList, SessionView } from "../../api/types";
import { JOB_STATES, SESSION_STATES } from "../../app/states";
import { steady } from "../session/steady";

/** The list from its start, at least as long as `length` where there is so much. */
export async function listed(deleted: boolean, length = 0): Promise<SessionList> {
  let list = await api.listSessions({ deleted });
  while (list.cursor && list.sessions.length < length) list = await longer(list, deleted);
  return list;
}

/** The list with its next page. */
export async function longer(list: SessionList, deleted: boolean): Promise<SessionList> {
  const page = await api.listSessions({ deleted, cursor: list.cursor });
  return { ...page, sessions: [...list.sessions, ...page.sessions] };
}

/** The fresh list with the addresses that are known already, so that no picture is loaded again. */
export function steadyList(known: SessionList, fresh: SessionList): SessionList {
  const before = new Map(known.sessions.map((it) => [it.session_id, it]));
  return { ...fresh, sessions: fresh.sessions.map((it) => steady(before.get(it.session_id), it)) };
}

/** Whether a session's card says that something is under way. */
export function isBusy({ state, jobs }: SessionView): boolean {
  return SESSION_STATES[state][1] === "busy" || jobs.some((job) => JOB_STATES[job.state][1] === "busy");
}
