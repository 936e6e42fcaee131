import { useId } from "preact/hooks";

import "./progress.css";

interface ProgressProps {
  label: string;
  /** 0 to 1; left out where nobody knows how far it is. */
  value?: number | undefined;
}

export function Progress({ label, value }: ProgressProps) {
  const id = useId();
  return (
    <div class="progress">
      <span id={id}>
        {label}
        {value !== undefined && <span class="progress-share">{Math.round(value * 100)} %</span>}
      </span>
      <progress aria-labelledby={id} max={1} {...(value !== undefined && { value })} />
    </div>
  );
}
