/** Undo and redo of any immutable state. */
export interface History<State> {
  past: readonly State[];
  present: State;
  future: readonly State[];
}

const LONGEST = 200;

export function begin<State>(present: State): History<State> {
  return { past: [], present, future: [] };
}

/** `merge`: the step before is not kept apart, as while a slider moves. */
export function step<State>(history: History<State>, present: State, merge = false): History<State> {
  if (present === history.present) return history;
  const past = merge ? history.past : [...history.past, history.present].slice(-LONGEST);
  return { past, present, future: [] };
}

export function undo<State>({ past, present, future }: History<State>): History<State> {
  const before = past.at(-1);
  return before === undefined
    ? { past, present, future }
    : { past: past.slice(0, -1), present: before, future: [present, ...future] };
}

export function redo<State>({ past, present, future }: History<State>): History<State> {
  const [after, ...later] = future;
  return after === undefined
    ? { past, present, future }
    : { past: [...past, present], present: after, future: later };
}
