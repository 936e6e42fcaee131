/** Every answer has fresh addresses for the same files. What shows a file would load it again at each of them. */
import type { FileView, JobView, SessionView } from "../../api/types";

/** For so long known addresses are kept, in ms; they are valid for an hour. */
export const STEADY_FOR = 45 * 60_000;

/** The fresh view with the addresses that are known already. */
export function steady(known: SessionView | undefined, fresh: SessionView): SessionView {
  if (!known) return fresh;
  const jobs = new Map(known.jobs.map((job) => [job.job_id, job]));
  return {
    ...fresh,
    ...(fresh.photo && known.photo && { photo: known.photo }),
    ...(fresh.embedding && known.embedding && { embedding: known.embedding }),
    jobs: fresh.jobs.map((job) => withFiles(job, jobs.get(job.job_id))),
  };
}

function withFiles(fresh: JobView, known: JobView | undefined): JobView {
  if (!known) return fresh;
  const files: Record<string, FileView> = {};
  for (const [name, file] of Object.entries(fresh.files)) files[name] = known.files[name] ?? file;
  return { ...fresh, files };
}
