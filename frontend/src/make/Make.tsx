import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { api } from "../api/client";
import { serviceNow } from "../api/clock";
import { asRefusal, type Refusal } from "../api/problem";
import type { JobOptions, Quality } from "../api/types";
import { notice } from "../app/errors";
import type { MakeProps, SelectedObject } from "../app/contracts";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Progress } from "../ui/Progress";
import { useTask } from "../ui/useTask";
import { MaskPicture } from "./MaskPicture";
import "./make.css";
import { remember, remembered } from "./options";
import { OptionsForm } from "./OptionsForm";
import { duration, expectedSeconds, waitsInVain } from "./progress";
import { jobKeys, Start } from "./start";

/** How an object's job comes into being. */
type Sending =
  { state: "sending"; share: number } | { state: "started" } | { state: "refused"; problem: Refusal };

/** The options, and the start of a job for each object; or of another job with the mask of `retryOf`. */
export function Make({ session, objects, retryOf, onStarted, onBack }: MakeProps) {
  const initial = useMemo(() => retryOf?.options ?? remembered(), []);
  const [sendings, setSendings] = useState<Record<string, Sending>>({});
  const { busy, problem, run } = useTask();
  const starts = useRef(new Map<string, Start>());
  const started = useRef(new Map<string, string>());
  const vacant = useMemo(() => session.jobs.filter((job) => waitsInVain(job, serviceNow())), []);
  const keyOf = useMemo(jobKeys, []);
  const left = useRef(false);
  useEffect(() => () => void (left.current = true), []);

  async function send(object: SelectedObject, options: JobOptions): Promise<void> {
    const tell = (sending: Sending) => setSendings((all) => ({ ...all, [object.id]: sending }));
    const start = starts.current.get(object.id) ?? new Start(session.session_id, object, vacant);
    starts.current.set(object.id, start);
    tell({ state: "sending", share: 0 });
    try {
      started.current.set(object.id, await start.send(options, (share) => tell({ state: "sending", share })));
      tell({ state: "started" });
    } catch (error) {
      const refusal = asRefusal(error);
      notice(refusal);
      tell({ state: "refused", problem: refusal });
    }
  }

  /** Those that have not been started yet, side by side. */
  async function sendAll(options: JobOptions): Promise<void> {
    remember(options);
    await Promise.all(
      objects.filter(({ id }) => !started.current.has(id)).map((object) => send(object, options)),
    );
    const jobs = objects.flatMap(({ id }) => started.current.get(id) ?? []);
    if (jobs.length === objects.length) onStarted(jobs, left.current);
  }

  async function again(options: JobOptions): Promise<void> {
    if (!retryOf) return;
    const { name, job_id: mask_of } = retryOf;
    const job = { options, mask_of, ...(name && { name }) };
    const created = await api.createJob(session.session_id, job, keyOf(options));
    onStarted([created.job_id], left.current);
  }

  const someRefused = Object.values(sendings).some(({ state }) => state === "refused");
  const someStarted = Object.values(sendings).some(({ state }) => state === "started");
  const title = retryOf
    ? "Make it again"
    : objects.length === 1
      ? "Make the model"
      : `Make ${objects.length} models`;
  return (
    <div class="make">
      <div class="make-objects">
        <Button kind="quiet" onClick={onBack}>
          Back to the photo
        </Button>
        <h2>{title}</h2>
        {retryOf ? (
          <p>With the same mask as {retryOf.name ?? "before"}. What there is stays.</p>
        ) : (
          <ul>
            {objects.map((object) => (
              <li key={object.id}>
                <MaskPicture object={object} session={session} />
                <div>
                  <h3>{object.name}</h3>
                  <State sending={sendings[object.id]} />
                </div>
              </li>
            ))}
          </ul>
        )}
      </div>
      <div class="make-options">
        {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
        <OptionsForm
          initial={initial}
          submit={someRefused ? "Try again" : title}
          busy={busy}
          timeOf={(quality) => timeOf(quality, session.jobs)}
          onSubmit={(options) => void run(() => (retryOf ? again(options) : sendAll(options)))}
        />
        {someRefused && someStarted && (
          <Button onClick={() => onStarted([...started.current.values()], false)}>
            Go on without the others
          </Button>
        )}
      </div>
    </div>
  );
}

function State({ sending }: { sending: Sending | undefined }) {
  if (sending?.state === "sending") return <Progress label="Sending the mask" value={sending.share} />;
  if (sending?.state === "refused")
    return <Notice kind="bad" title={sending.problem.message} hint={sending.problem.hint} />;
  return sending ? <p>Started.</p> : null;
}

function timeOf(quality: Quality, jobs: Parameters<typeof expectedSeconds>[1]): string {
  const { known, reconstruction, mesh } = expectedSeconds(quality, jobs);
  const took = duration(reconstruction + mesh);
  return known ? `The last time it took ${took}.` : `Usually about ${took}.`;
}
