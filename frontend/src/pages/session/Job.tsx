import type { ProgressProps } from "../../app/contracts";
import { Progress, See } from "./parts";

/** A model on its way, or there. */
export function Job(props: ProgressProps) {
  const { session, job, onRetry } = props;
  return job.state === "completed" && Object.keys(job.files).length > 0 ? (
    <See session={session} job={job} onRetry={onRetry} />
  ) : (
    <Progress {...props} />
  );
}
