/** What the API takes as a name: no control characters, line breaks, or changes of the writing's direction. */
export function printable(name: string, longest: number): string {
  const clean = name.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "").trim();
  return [...clean].slice(0, longest).join("").trim(); // whole characters: half an emoji is none
}
