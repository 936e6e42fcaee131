/** The steps of a photo's page. Each is fetched when it is first shown: decoder and viewers are large. */
import type { MakeProps, ProgressProps, SeeProps, SelectProps } from "../../app/contracts";
import { lazy } from "../../ui/Async";

export const Select = lazy<SelectProps>(() => import("../../select/Select").then((it) => it.Select));
export const Make = lazy<MakeProps>(() => import("../../make/Make").then((it) => it.Make));
export const Progress = lazy<ProgressProps>(() => import("../../make/Progress").then((it) => it.Progress));
export const See = lazy<SeeProps>(() => import("../../see/See").then((it) => it.See));
