import type { Tone } from "../app/states";
import "./badge.css";

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}
