import { api } from "../../api/client";
import type { SessionView } from "../../api/types";
import { titleOf } from "../../app/states";
import { asRefusal } from "../../api/problem";
import { toast } from "../../ui/Toast";

const underWay = new Set<Promise<unknown>>();

/** When all that was begun has come to an end: a list that is asked for before may not know of it. */
export const settled = (): Promise<unknown> => Promise.allSettled(underWay);

/** Deletes a session and offers to take that back. `onChange` hears whether it is gone now. */
export async function remove(session: SessionView, onChange: (gone: boolean) => void): Promise<void> {
  if (!(await done(api.deleteSession(session.session_id)))) return;
  onChange(true);
  toast(`“${titleOf(session)}” was deleted.`, { label: "Undo", run: () => void restore(session, onChange) });
}

export async function restore(session: SessionView, onChange: (gone: boolean) => void): Promise<void> {
  if (!(await done(api.restoreSession(session.session_id)))) return;
  onChange(false);
  toast(`“${titleOf(session)}” is back.`);
}

/** Whether it was done; else the person is told why not. */
async function done(work: Promise<unknown>): Promise<boolean> {
  underWay.add(work);
  try {
    await work;
    return true;
  } catch (error) {
    toast(asRefusal(error).message);
    return false;
  } finally {
    underWay.delete(work);
  }
}
