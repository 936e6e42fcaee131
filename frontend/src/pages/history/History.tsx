import { useEffect, useRef, useState } from "preact/hooks";

import { api } from "../../api/client";
import type { SessionList, SessionView } from "../../api/types";
import { paths } from "../../app/router";
import { jobTitle, titleOf } from "../../app/states";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { Field } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Progress } from "../../ui/Progress";
import { Rename } from "../../ui/Rename";
import { useTask } from "../../ui/useTask";
import { STEADY_FOR } from "../session/steady";
import "./history.css";
import { isBusy, listed, longer, steadyList } from "./list";
import { remove, restore, settled } from "./remove";
import { SessionCard } from "./SessionCard";

const NEWS_EVERY = 10_000;

export function History() {
  const [deleted, setDeleted] = useState(false);
  return (
    <>
      <div class="history-head">
        <h1 class="page-title">{deleted ? "Deleted photos" : "Your photos"}</h1>
        <Button kind="quiet" onClick={() => setDeleted(!deleted)}>
          {deleted ? "Back to your photos" : "Deleted photos"}
        </Button>
      </div>
      <Sessions key={deleted} deleted={deleted} />
    </>
  );
}

function Sessions({ deleted }: { deleted: boolean }) {
  const [list, setList] = useState<SessionList>();
  const [wanted, setWanted] = useState("");
  const [renaming, setRenaming] = useState<SessionView>();
  const { busy, problem, run } = useTask();

  // One after the other: what is asked while another answer is on its way may have changed since that was asked.
  const loads = useRef(Promise.resolve());
  const latest = useRef(list);
  latest.current = list;
  const loaded = useRef(0);
  const after = (work: () => Promise<void>) => void (loads.current = loads.current.then(work));
  const reload = () =>
    after(() =>
      run(async () => {
        await settled();
        setList(await listed(deleted, latest.current?.sessions.length));
        loaded.current = Date.now();
      }),
    );
  const more = () =>
    after(() => run(async () => latest.current?.cursor && setList(await longer(latest.current, deleted))));
  const drop = ({ session_id: gone }: SessionView) =>
    setList(
      (known) => known && { ...known, sessions: known.sessions.filter((it) => it.session_id !== gone) },
    );
  useEffect(reload, []);

  /** Beside what the person does. Where there is no answer, the next look may have one. */
  const hearNews = async () => {
    const known = latest.current;
    const fresh = known && (await listed(deleted, known.sessions.length).catch(() => undefined));
    // What was deleted meanwhile must not come back.
    if (!fresh || latest.current !== known) return;
    const old = Date.now() - loaded.current > STEADY_FOR;
    if (old) loaded.current = Date.now();
    setList(old ? fresh : steadyList(known, fresh));
  };
  const looking = useRef(false); // an answer can be long in coming, as when the network is gone
  const look = () => {
    if (document.hidden || looking.current) return;
    looking.current = true;
    after(() => hearNews().finally(() => (looking.current = false)));
  };
  const { sessions, cursor } = list ?? {};
  const busyOnes = !deleted && sessions?.some(isBusy);
  useEffect(() => {
    document.addEventListener("visibilitychange", look);
    const timer = busyOnes ? setInterval(look, NEWS_EVERY) : undefined;
    return () => {
      document.removeEventListener("visibilitychange", look);
      clearInterval(timer);
    };
  }, [busyOnes]);

  // A search looks through everything, so it fetches what is left.
  useEffect(() => {
    if (wanted && cursor && !busy && !problem) more();
  }, [wanted, cursor, busy]);

  const shown = sessions?.filter((it) => matches(it, wanted));
  return (
    <>
      {problem && (
        <Notice kind="bad" title={problem.message} hint={problem.hint}>
          <Button onClick={reload}>Try again</Button>
        </Notice>
      )}
      {sessions && sessions.length > 0 && (
        <div class="history-search">
          <Field
            label="Search"
            type="search"
            value={wanted}
            onValue={setWanted}
            placeholder="Name of a photo or a model"
          />
        </div>
      )}
      <p class="unseen" role="status">
        {wanted && shown ? `${shown.length} found` : ""}
      </p>
      {!sessions && !problem && <Progress label="Loading" />}
      {sessions?.length === 0 && <Nothing deleted={deleted} />}
      {sessions && sessions.length > 0 && shown?.length === 0 && !busy && (
        <EmptyState title={`Nothing is called “${wanted}”.`} />
      )}
      <ul class="history-list">
        {shown?.map((it) => (
          <li key={it.session_id}>
            <SessionCard
              session={it}
              {...(deleted
                ? { onRestore: () => void restore(it, () => drop(it)) }
                : {
                    onRename: () => setRenaming(it),
                    onDelete: () => void remove(it, (gone) => (gone ? drop(it) : reload())),
                  })}
            />
          </li>
        ))}
      </ul>
      {cursor && (
        <div class="history-more">
          <Button busy={busy} onClick={more}>
            Show more
          </Button>
        </div>
      )}
      {renaming && (
        <Rename
          title="Rename the photo"
          name={titleOf(renaming)}
          onClose={() => setRenaming(undefined)}
          onRename={async (name) => {
            await api.renameSession(renaming.session_id, name);
            reload();
          }}
        />
      )}
    </>
  );
}

function Nothing({ deleted }: { deleted: boolean }) {
  if (deleted) return <EmptyState title="Nothing was deleted lately." />;
  return (
    <EmptyState title="Your photos and their models will be here.">
      <a class="button button-primary" href={paths.new}>
        Start with a photo
      </a>
    </EmptyState>
  );
}

function matches(session: SessionView, wanted: string): boolean {
  const names = [titleOf(session), ...session.jobs.map((job) => jobTitle(job, session.jobs))];
  return names.some((name) => name.toLowerCase().includes(wanted.trim().toLowerCase()));
}
