import { useRef, useState } from "preact/hooks";

import { asRefusal, type Refusal } from "../api/problem";
import { notice } from "../app/errors";

/** One piece of work at a time, with its failure to show. */
export function useTask() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Refusal | null>(null);
  const running = useRef(false);

  async function run(work: () => Promise<unknown>): Promise<void> {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      const refusal = asRefusal(error);
      notice(refusal);
      setProblem(refusal);
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  return { busy, problem, run };
}
