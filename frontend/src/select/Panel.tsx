import { useId, useState } from "preact/hooks";

import { printable } from "../api/names";
import type { PhotoView } from "../api/types";
import { Button } from "../ui/Button";
import { HAND_HELD } from "../ui/handheld";
import { Candidates } from "./Candidates";
import { Icon } from "./icons";
import { active, type Action, type Marked, type Marks } from "./objects";
import type { Candidate, Outline } from "./segmenter";
import { trouble } from "./trouble";

const LONGEST_NAME = 80;

interface PanelProps {
  photo: PhotoView;
  marks: Marks;
  outlines: ReadonlyMap<number, Outline>;
  /** Of the active object. */
  candidates: readonly Candidate[];
  opacity: number;
  onOpacity: (opacity: number) => void;
  /** Px of the photo; undefined where no tool paints. */
  radius: number | undefined;
  largest: number;
  onRadius: (radius: number) => void;
  onAction: (action: Action) => void;
}

/** What is marked so far, and how its masks are to be. */
export function Panel({ photo, marks, outlines, candidates, onAction, ...settings }: PanelProps) {
  const chosen = active(marks);
  return (
    <>
      <section class="select-section" aria-labelledby="select-objects">
        <div class="select-heading">
          <h2 id="select-objects">Objects</h2>
          {marks.objects.length > 1 && (
            <Button kind="quiet" onClick={() => onAction({ do: "clear" })}>
              Clear all
            </Button>
          )}
        </div>
        <Objects marks={marks} outlines={outlines} onAction={onAction} />
        <Button disabled={!chosen} aria-keyshortcuts="N" onClick={() => onAction({ do: "new" })}>
          <Icon name="plus" />
          Another object
        </Button>
      </section>

      {chosen && candidates.length > 0 && (
        <Candidates photo={photo} object={chosen} candidates={candidates} onAction={onAction} />
      )}

      <section class="select-section" aria-label="Adjust">
        {settings.radius !== undefined && (
          <Slider
            label="Brush size"
            value={settings.radius}
            low={1}
            high={settings.largest}
            step={1}
            told={`${Math.round(2 * settings.radius)} px`}
            onValue={settings.onRadius}
          />
        )}
        <Slider
          label="Mask opacity"
          value={settings.opacity}
          low={0}
          high={0.9}
          step={0.05}
          told={`${Math.round(settings.opacity * 100)} %`}
          onValue={settings.onOpacity}
        />
        {chosen && (
          <>
            <Slider
              label="Edge"
              value={-chosen.threshold}
              low={-5}
              high={5}
              step={0.25}
              told={chosen.threshold === 0 ? "as found" : chosen.threshold > 0 ? "tighter" : "wider"}
              onValue={(value) => onAction({ do: "threshold", threshold: -value })}
            />
            <div class="select-buttons">
              <Button onClick={() => onAction({ do: "edit", edit: { kind: "invert" } })}>Invert</Button>
              <Button onClick={() => onAction({ do: "reset" })}>Reset</Button>
            </div>
          </>
        )}
      </section>
    </>
  );
}

interface ObjectsProps {
  marks: Marks;
  outlines: ReadonlyMap<number, Outline>;
  onAction: (action: Action) => void;
}

function Objects({ marks, outlines, onAction }: ObjectsProps) {
  if (!marks.objects.length)
    return (
      <p class="select-hint">
        {HAND_HELD
          ? "Tap the object that you want as a model, or choose Box and draw one around it."
          : "Click the object that you want as a model, or drag a box around it."}
      </p>
    );
  return (
    <ul class="select-objects">
      {marks.objects.map((object) => {
        const wrong = trouble(object, outlines.get(object.id));
        return (
          <li key={object.id} class={object.id === marks.active ? "select-chosen" : undefined}>
            <button
              type="button"
              class="select-swatch"
              aria-pressed={object.id === marks.active}
              aria-label={`Work on ${object.name}`}
              onClick={() => onAction({ do: "choose", id: object.id })}
            >
              <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
                <circle cx="10" cy="10" r="9" fill={object.colour} />
              </svg>
            </button>
            <Name object={object} onAction={onAction} />
            <button
              type="button"
              class="select-delete"
              aria-label={`Delete ${object.name}`}
              onClick={() => onAction({ do: "delete", id: object.id })}
            >
              <Icon name="trash" />
            </button>
            {wrong && <p class="select-wrong">{wrong}</p>}
          </li>
        );
      })}
    </ul>
  );
}

interface SliderProps {
  label: string;
  value: number;
  low: number;
  high: number;
  step: number;
  told: string;
  onValue: (value: number) => void;
}

function Slider({ label, value, low, high, step, told, onValue }: SliderProps) {
  const id = useId();
  return (
    <div class="select-slider">
      <label for={id}>{label}</label>
      <output for={id}>{told}</output>
      <input
        id={id}
        type="range"
        min={low}
        max={high}
        step={step}
        value={value}
        aria-valuetext={told}
        onInput={(event) => onValue(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}

interface NameProps {
  object: Marked;
  onAction: (action: Action) => void;
}

function Name({ object: { id, name }, onAction }: NameProps) {
  // What is being typed: whatever is drawn anew meanwhile would put the old name in its place.
  const [typed, setTyped] = useState<string>();
  return (
    <input
      class="select-name"
      aria-label={`Name of ${name}`}
      value={typed ?? name}
      maxLength={LONGEST_NAME}
      onFocus={() => onAction({ do: "choose", id })}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={(event) => {
        setTyped(undefined);
        onAction({
          do: "rename",
          id,
          name: printable(event.currentTarget.value, LONGEST_NAME) || `Object ${id}`,
        });
      }}
    />
  );
}
