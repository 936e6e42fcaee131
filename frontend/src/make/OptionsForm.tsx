import { useId, useState } from "preact/hooks";

import type { JobOptions } from "../api/types";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { FORMATS, LARGEST_SEED, QUALITIES, seedOf, TEXTURES } from "./options";

interface OptionsFormProps {
  initial: JobOptions;
  /** What the button says. */
  submit: string;
  busy: boolean;
  /** How long a quality has taken before, in words, if anybody knows. */
  timeOf: (quality: JobOptions["quality"]) => string;
  onSubmit: (options: JobOptions) => void;
}

export function OptionsForm({ initial, submit, busy, timeOf, onSubmit }: OptionsFormProps) {
  const [options, setOptions] = useState(initial);
  const [seed, setSeed] = useState(String(initial.seed));
  const [checked, setChecked] = useState(false);
  const id = useId();
  const change = (some: Partial<JobOptions>) => setOptions({ ...options, ...some });
  const value = seedOf(seed);
  const noFormat = checked && options.formats.length === 0;

  function onFormat(format: JobOptions["formats"][number], on: boolean): void {
    // In the order of the list, whatever order they were chosen in.
    const chosen = FORMATS.map((it) => it.value).filter((it) =>
      it === format ? on : options.formats.includes(it),
    );
    change({ formats: chosen });
  }

  return (
    <form
      class="options"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setChecked(true);
        if (!busy && value !== undefined && options.formats.length > 0) onSubmit({ ...options, seed: value });
      }}
    >
      <fieldset class="choices">
        <legend>Quality</legend>
        {QUALITIES.map((it) => (
          <label key={it.value} class="choice">
            <input
              type="radio"
              name={`${id}-quality`}
              checked={options.quality === it.value}
              onChange={() => change({ quality: it.value })}
            />
            <span class="choice-title">{it.label}</span>
            <span class="choice-words">{`${it.words} ${timeOf(it.value)}`}</span>
          </label>
        ))}
      </fieldset>
      <fieldset class="choices" {...(noFormat && { "aria-describedby": `${id}-no-format` })}>
        <legend>Files</legend>
        {noFormat && (
          <p class="field-error" id={`${id}-no-format`} role="alert">
            Choose at least one.
          </p>
        )}
        {FORMATS.map((it) => (
          <label key={it.value} class="choice choice-line">
            <input
              type="checkbox"
              checked={options.formats.includes(it.value)}
              onChange={(event) => onFormat(it.value, event.currentTarget.checked)}
            />
            <span class="choice-title">{it.label}</span>
            <span class="choice-words">{it.words}</span>
          </label>
        ))}
      </fieldset>
      <details class="options-more">
        <summary>More: texture and seed</summary>
        <div class="field">
          <label for={`${id}-texture`}>Texture</label>
          <select
            id={`${id}-texture`}
            class="input"
            value={String(options.texture)}
            onChange={(event) =>
              change({ texture: TEXTURES[event.currentTarget.selectedIndex]?.value ?? null })
            }
          >
            {TEXTURES.map((it) => (
              <option key={it.label} value={String(it.value)}>
                {it.label}
              </option>
            ))}
          </select>
        </div>
        <Field
          label="Seed"
          inputMode="numeric"
          value={seed}
          onValue={setSeed}
          hint="The same seed gives the same model; another one may guess the hidden side differently."
          error={value === undefined ? `A whole number from 0 to ${LARGEST_SEED}.` : undefined}
        />
      </details>
      <Button kind="primary" type="submit" busy={busy}>
        {submit}
      </Button>
    </form>
  );
}
