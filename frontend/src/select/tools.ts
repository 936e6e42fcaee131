/** The tools of the stage, and every key in one table: handler and shortcut sheet read the same. */
export type Tool = "add" | "remove" | "box" | "brush" | "eraser";

export const TOOLS: readonly { tool: Tool; label: string; key: string; hint: string }[] = [
  { tool: "add", label: "Add", key: "a", hint: "Click what belongs to the object. Drag to draw a box." },
  { tool: "remove", label: "Remove", key: "r", hint: "Click what does not belong to the object." },
  { tool: "box", label: "Box", key: "b", hint: "Drag a box around the object." },
  { tool: "brush", label: "Brush", key: "p", hint: "Paint what is missing." },
  { tool: "eraser", label: "Eraser", key: "e", hint: "Wipe away what is too much." },
];

export type Command =
  | "undo"
  | "redo"
  | "new"
  | "invert"
  | "reset"
  | "delete"
  | "smaller"
  | "larger"
  | "in"
  | "out"
  | "fit"
  | "help";

interface Shortcut {
  keys: string;
  does: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: "Arrows", does: "Move the cursor" },
  { keys: "Shift + arrows", does: "Move the view" },
  { keys: "Enter", does: "Click; begin and end a box or stroke" },
  { keys: "Shift + Enter", does: "Click the other way: not the object" },
  ...TOOLS.map(({ label, key }) => ({ keys: key.toUpperCase(), does: label })),
  { keys: "[ and ]", does: "Smaller or larger brush" },
  { keys: "1 to 4", does: "Choose among the suggestions" },
  { keys: "Ctrl + Z, Ctrl + Shift + Z", does: "Undo, redo" },
  { keys: "N", does: "Another object" },
  { keys: "I", does: "Invert" },
  { keys: "X", does: "Reset the object" },
  { keys: "Delete", does: "Delete the object" },
  { keys: "+, -, 0", does: "Zoom in, zoom out, whole photo" },
  { keys: "Escape", does: "Give up what was begun" },
  { keys: "?", does: "This list" },
];

const COMMANDS: Readonly<Record<string, Command>> = {
  n: "new",
  i: "invert",
  x: "reset",
  delete: "delete",
  backspace: "delete",
  "[": "smaller",
  "]": "larger",
  "+": "in",
  "=": "in",
  "-": "out",
  "0": "fit",
  "?": "help",
};

export type Pressed = { tool: Tool } | { command: Command } | { candidate: number };

export function pressed(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return { command: event.shiftKey ? "redo" : "undo" } satisfies Pressed;
    return key === "y" ? ({ command: "redo" } satisfies Pressed) : undefined;
  }
  if (event.altKey) return undefined;
  const tool = TOOLS.find((it) => it.key === key)?.tool;
  if (tool) return { tool } satisfies Pressed;
  const command = COMMANDS[key];
  if (command) return { command } satisfies Pressed;
  return /^[1-4]$/.test(key) ? ({ candidate: Number(key) - 1 } satisfies Pressed) : undefined;
}
