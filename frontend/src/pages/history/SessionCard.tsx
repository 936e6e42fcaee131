import type { SessionView } from "../../api/types";
import { paths } from "../../app/router";
import { JOB_STATES, jobTitle, SESSION_STATES, titleOf } from "../../app/states";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";

interface SessionCardProps {
  session: SessionView;
  onRename?: () => void;
  onDelete?: () => void;
  /** Of a deleted session. */
  onRestore?: () => void;
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const MOST_JOBS = 3;

export function SessionCard({ session, onRename, onDelete, onRestore }: SessionCardProps) {
  const title = titleOf(session);
  const [words, tone] = SESSION_STATES[session.state];
  const path = paths.session(session.session_id);
  const { jobs } = session;
  return (
    <article class="card">
      <div class="card-picture">
        {session.photo && (
          <img src={session.photo.thumbnail_url} alt="" crossOrigin="anonymous" loading="lazy" />
        )}
      </div>
      <div class="card-head">
        <h2>{onRestore ? title : <a href={path}>{title}</a>}</h2>
        {onRename && onDelete && (
          <Menu
            label={`More for ${title}`}
            items={[
              { label: "Rename", run: onRename },
              { label: "Delete", run: onDelete, danger: true },
            ]}
          />
        )}
      </div>
      <p class="card-facts">
        {(session.state !== "ready" || jobs.length === 0) && <Badge tone={tone}>{words}</Badge>}
        <time dateTime={session.created_at}>{TIME.format(new Date(session.created_at))}</time>
      </p>
      {session.problem && <p class="card-problem">{session.problem.message}</p>}
      {!onRestore && jobs.length > 0 && (
        <ul class="card-jobs">
          {jobs.slice(0, MOST_JOBS).map((job) => {
            const [words, tone] = JOB_STATES[job.state];
            return (
              <li key={job.job_id}>
                <a href={paths.job(session.session_id, job.job_id)}>{jobTitle(job, jobs)}</a>
                <Badge tone={tone}>{words}</Badge>
              </li>
            );
          })}
          {jobs.length > MOST_JOBS && (
            <li>
              <a href={path}>{jobs.length - MOST_JOBS} more</a>
            </li>
          )}
        </ul>
      )}
      {onRestore && (
        <div class="card-restore">
          {session.purge_at && <p>Gone for good on {DAY.format(new Date(session.purge_at))}.</p>}
          <Button onClick={onRestore}>Restore</Button>
        </div>
      )}
    </article>
  );
}
