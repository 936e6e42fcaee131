import { useEffect, useState } from "preact/hooks";

import { serviceNow } from "../api/clock";
import { jobState, problem } from "../api/read-model";
import type { ProgressProps } from "../app/contracts";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Progress as Bar } from "../ui/Progress";
import "./progress.css";
import { duration, expectedSeconds, progress, waitsInVain, type Step } from "./progress";

const STATES: Record<Step["state"], string> = {
  waiting: "to come",
  running: "under way",
  done: "done",
  failed: "failed",
};

/** A job on its way: what is happening, how long it has taken, and what to do where it went wrong. */
export function Progress({ session, job, onRetry, onBack }: ProgressProps) {
  const now = useNow();
  const expected = expectedSeconds(job.options.quality, session.jobs);
  const { steps, sentence, seconds, fraction, left } = progress(job, expected, now);
  const state = jobState(job.events);
  const bad = problem(job.events);
  const vain = waitsInVain(job, now);
  const over = vain || state === "failed" || state === "timed_out";
  return (
    <div class="making">
      {!over && (
        <>
          <Bar label={left === undefined ? "Under way" : `About ${duration(left)} left`} value={fraction} />
          <p class="making-time">
            {duration(seconds)} so far.{" "}
            {!expected.known &&
              `Usually it takes about ${duration(expected.reconstruction + expected.mesh)}, and several minutes more ` +
                "where a GPU has to be started first. "}
            You can close the page: it goes on, and a mail tells you when it is done.
          </p>
        </>
      )}
      <p class="unseen" role="status">
        {over ? "" : sentence}
      </p>
      {vain && !bad && (
        <Notice
          kind="warn"
          title="The mask never arrived."
          hint={
            "The page was probably closed while it was sent. What you marked is still in the photo, if it was in " +
            "this browser: made again by the same name and with the same options, it becomes this model."
          }
        >
          <Button kind="primary" onClick={onBack}>
            Back to the photo
          </Button>
        </Notice>
      )}
      {over && bad && (
        <Notice kind={state === "timed_out" ? "warn" : "bad"} title={bad.message} hint={bad.hint}>
          {state !== "awaiting_mask" && (
            <Button kind={bad.error_class === "user" ? "plain" : "primary"} onClick={() => onRetry(job)}>
              Try again with this mask
            </Button>
          )}
          <Button kind={bad.error_class === "user" ? "primary" : "plain"} onClick={onBack}>
            Mark the object anew
          </Button>
          <p class="making-id">
            Job <code>{job.job_id}</code>
          </p>
        </Notice>
      )}
      <ol class="steps">
        {steps.map((step) => (
          <li key={step.name} class={`step step-${step.state}`}>
            <span class="step-title">
              {step.title} <span class="unseen">{STATES[step.state]}</span>
            </span>
            <span class="step-time">{timeOf(step)}</span>
            <span class="step-words">{step.state === "failed" ? "" : step.words}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function timeOf({ state, seconds }: Step): string {
  return state === "waiting" || seconds === undefined || (state === "done" && seconds < 0.5)
    ? ""
    : duration(seconds);
}

function useNow(): number {
  const [now, setNow] = useState(serviceNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serviceNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
