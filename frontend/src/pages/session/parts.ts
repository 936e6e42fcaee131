/** The steps of a photo's page. Each is fetched when it is first shown: decoder and viewers are large. */
import type { ComponentType } from "preact";

import type { MakeProps, ProgressProps, SeeProps, SelectProps } from "../../app/contracts";
import { lazy } from "../../ui/Async";

// By pattern as long as not every step is written; then they are imported by name.
const STEPS = import.meta.glob<Record<string, unknown>>([
  "../../select/Select.tsx",
  "../../make/Make.tsx",
  "../../make/Progress.tsx",
  "../../see/See.tsx",
]);

function step<Props extends object>(folder: string, name: string): ComponentType<Props> {
  return lazy<Props>(async () => {
    const load = STEPS[`../../${folder}/${name}.tsx`];
    if (!load) throw new Error(`${name} is not written yet`);
    return (await load())[name] as ComponentType<Props>;
  });
}

export const Select = step<SelectProps>("select", "Select");
export const Make = step<MakeProps>("make", "Make");
export const Progress = step<ProgressProps>("make", "Progress");
export const See = step<SeeProps>("see", "See");
