import { api } from "../../api/client";
import type { SessionView } from "../../api/types";
import { titleOf } from "../../app/states";
import { asRefusal } from "../../api/problem";
import { toast } from "../../ui/Toast";

/** Deletes a session and offers to take that back. `onChange` hears whether it is gone now. */
export async function remove(session: SessionView, onChange: (gone: boolean) => void): Promise<void> {
  try {
    await api.deleteSession(session.session_id);
  } catch (error) {
    toast(asRefusal(error).message);
    return;
  }
  onChange(true);
  toast(`“${titleOf(session)}” was deleted.`, { label: "Undo", run: () => void restore(session, onChange) });
}

export async function restore(session: SessionView, onChange: (gone: boolean) => void): Promise<void> {
  try {
    await api.restoreSession(session.session_id);
  } catch (error) {
    toast(asRefusal(error).message);
    return;
  }
  onChange(false);
  toast(`“${titleOf(session)}” is back.`);
}
