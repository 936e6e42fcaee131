import { useEffect, useRef, useState } from "preact/hooks";

import { api } from "../../api/client";
import type { JobView, SessionView } from "../../api/types";
import type { SelectedObject } from "../../app/contracts";
import { go, paths } from "../../app/router";
import { JOB_STATES, jobTitle, titleOf } from "../../app/states";
import { Badge } from "../../ui/Badge";
import { EmptyState } from "../../ui/EmptyState";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { Progress } from "../../ui/Progress";
import { Rename } from "../../ui/Rename";
import { remove } from "../history/remove";
import { Job } from "./Job";
import { Make, Select } from "./parts";
import { Photo } from "./Photo";
import "./session.css";
import { useSession } from "./useSession";

interface SessionProps {
  sessionId: string;
  jobId?: string;
  /** Models are about to be made, of the objects just cut out, or again with the job's mask. */
  making?: boolean;
}

export function Session({ sessionId, jobId, making = false }: SessionProps) {
  const { session, problem, refresh } = useSession(sessionId);
  const [objects, setObjects] = useState<SelectedObject[]>();
  // What was cut out is not kept over a reload; what was clicked is, and the photo shows it.
  const nothingToMake = making && jobId === undefined && !objects;
  useEffect(() => {
    if (nothingToMake) go(paths.session(sessionId), { replace: true });
  }, [nothingToMake]);
  if (!session) {
    if (problem?.code === "session_not_found") return <Missing />;
    return (
      <div class="session-message">
        <h1 class="unseen">Photo</h1>
        {problem ? (
          <Notice kind="bad" title={problem.message} hint={problem.hint} />
        ) : (
          <Progress label="Loading the photo" />
        )}
      </div>
    );
  }

  const job = jobId === undefined ? undefined : session.jobs.find((it) => it.job_id === jobId);
  const here = jobId === undefined;
  const toPhoto = () => go(paths.session(sessionId));
  const retry = (retryOf: JobView) => go(paths.make(sessionId, retryOf.job_id));
  const started = ([first]: string[], left: boolean) => {
    refresh();
    // Who has gone elsewhere meanwhile is left there, with what may have been cut out anew.
    if (!first || left) return;
    go(paths.job(sessionId, first), { replace: true });
    setObjects(undefined);
  };
  const makeProps = { session, onStarted: started, onBack: toPhoto };
  return (
    <div class="session">
      <Head session={session} jobId={jobId} onChange={refresh} />
      {problem && <Notice kind="warn" title={problem.message} hint={problem.hint} />}
      {/* What was clicked stays while options are chosen or a model is looked at. */}
      <div class="session-part" hidden={!here || making}>
        {session.state === "ready" ? (
          <Select
            session={session}
            onMake={(cutOut) => {
              setObjects(cutOut);
              go(paths.make(sessionId));
            }}
          />
        ) : (
          <Photo session={session} />
        )}
      </div>
      {here && making && objects && (
        <div class="session-part session-read">
          <Make {...makeProps} objects={objects} />
        </div>
      )}
      {!here && (
        <div class="session-part session-read" key={jobId}>
          {!job ? (
            <JobAwaited onMissing={refresh} />
          ) : making ? (
            <Make {...makeProps} objects={[]} retryOf={job} />
          ) : (
            <Job session={session} job={job} onRetry={retry} onBack={toPhoto} />
          )}
        </div>
      )}
    </div>
  );
}

interface HeadProps {
  session: SessionView;
  jobId: string | undefined;
  onChange: () => void;
}

function Head({ session, jobId, onChange }: HeadProps) {
  const [renaming, setRenaming] = useState<"session" | "job">();
  const title = titleOf(session);
  const job = session.jobs.find((it) => it.job_id === jobId);
  const tabs = useRef<HTMLElement>(null);
  useEffect(() => {
    tabs.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [jobId, job?.state]);
  return (
    <div class="session-head">
      <h1>{title}</h1>
      <nav aria-label="This photo" class="session-tabs" ref={tabs}>
        <a href={paths.session(session.session_id)} aria-current={jobId ? undefined : "page"}>
          Photo
        </a>
        {[...session.jobs].reverse().map((it) => {
          const [words, tone] = JOB_STATES[it.state];
          return (
            <a
              key={it.job_id}
              href={paths.job(session.session_id, it.job_id)}
              aria-current={it.job_id === jobId ? "page" : undefined}
            >
              <span>{jobTitle(it, session.jobs)}</span>
              {it.state !== "completed" && <Badge tone={tone}>{words}</Badge>}
            </a>
          );
        })}
      </nav>
      <Menu
        label="More"
        items={[
          ...(job ? [{ label: "Rename the model", run: () => setRenaming("job") }] : []),
          { label: "Rename the photo", run: () => setRenaming("session") },
          {
            label: "Delete the photo",
            danger: true,
            run: () =>
              void remove(session, (gone) => go(gone ? paths.history : paths.session(session.session_id))),
          },
        ]}
      />
      {renaming === "session" && (
        <Rename
          title="Rename the photo"
          name={title}
          onClose={() => setRenaming(undefined)}
          onRename={(name) => api.renameSession(session.session_id, name).then(onChange)}
        />
      )}
      {renaming === "job" && job && (
        <Rename
          title="Rename the model"
          name={jobTitle(job, session.jobs)}
          onClose={() => setRenaming(undefined)}
          onRename={(name) => api.renameJob(session.session_id, job.job_id, name).then(onChange)}
        />
      )}
    </div>
  );
}

/** A job that was just started is in the next news; one that is not there then does not exist. */
function JobAwaited({ onMissing }: { onMissing: () => void }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    onMissing();
    const timer = setTimeout(() => setLate(true), 5_000);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="session-message">
      {late ? (
        <EmptyState title="There is no such model of this photo." />
      ) : (
        <Progress label="Loading the model" />
      )}
    </div>
  );
}

function Missing() {
  return (
    <EmptyState heading="h1" title="This photo does not exist, or was deleted.">
      <a class="button" href={paths.history}>
        To your photos
      </a>
    </EmptyState>
  );
}
