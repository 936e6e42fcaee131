// Pictograms of the tools, drawn on 24 x 24.
const PATHS = {
  add: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M12 8v8M8 12h8",
  remove: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M8 12h8",
  box: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  brush: "M20 4 11 13M8.5 13.5c2 0 3 1 3 2.8 0 2.7-2.7 4-7.5 3.7 1.6-.8 1.7-2 1.9-3.4.2-1.8 1-3.1 2.6-3.1",
  eraser: "m9 20-5-5L14.5 4.5l5 5L9 20M9 20h11M9 10l5 5",
  undo: "M8 5 4 9l4 4M4 9h9a6 6 0 0 1 0 12h-3",
  redo: "m16 5 4 4-4 4M20 9h-9a6 6 0 0 0 0 12h3",
  in: "M11 4a7 7 0 1 0 0 14 7 7 0 1 0 0-14M16 16l4.5 4.5M11 8v6M8 11h6",
  out: "M11 4a7 7 0 1 0 0 14 7 7 0 1 0 0-14M16 16l4.5 4.5M8 11h6",
  fit: "M4 5h16v14H4zM8 9h8v6H8z",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 1 0 0-18M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1 1-1.1 1.8M12 16.5v.1",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  plus: "M12 5v14M5 12h14",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" class="select-icon">
      <path d={PATHS[name]} />
    </svg>
  );
}
