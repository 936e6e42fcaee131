// The viewer's pictograms, drawn on 24 x 24.
const PATHS = {
  turntable: "M4 12a8 3.4 0 1 0 16 0 8 3.4 0 1 0-16 0M12 4v8M9 6.5 12 4l3 2.5",
  reset: "M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5",
  measure: "M3 16 16 3l5 5L8 21zM7 12l2 2M10 9l2 2M13 6l2 2",
  camera: "M4 7h3l2-2.5h6L17 7h3v12H4zM8.5 13a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  ar: "M12 3 4.5 7.2v8.6L12 20l7.5-4.2V7.2zM4.5 7.2 12 11.5l7.5-4.3M12 11.5V20",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M13 7a2 2 0 1 0 4 0 2 2 0 1 0-4 0M7 17a2 2 0 1 0 4 0 2 2 0 1 0-4 0",
  download: "M12 4v11M7.5 10.5 12 15l4.5-4.5M4 20h16",
  link: "M9.5 14.5l5-5M8 11l-2.5 2.5a3.5 3.5 0 0 0 5 5L13 16M11 8l2.5-2.5a3.5 3.5 0 0 1 5 5L16 13",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" class="icon">
      <path d={PATHS[name]} />
    </svg>
  );
}
