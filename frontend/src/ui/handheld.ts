/** Whether fingers point here rather than a mouse. */
export const HAND_HELD = matchMedia("(pointer: coarse)").matches;
