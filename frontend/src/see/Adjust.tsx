import { useId } from "preact/hooks";

import { Button } from "../ui/Button";
import { USUAL, type Background, type Settings } from "./settings";
import type { Look, Mode } from "./viewer/layer";

interface AdjustProps {
  mode: Mode;
  settings: Settings;
  onSettings: (settings: Settings) => void;
}

const BACKGROUNDS: readonly { value: Background; label: string }[] = [
  { value: "dark", label: "Dark" },
  { value: "light", label: "Light" },
  { value: "checker", label: "Checks" },
];

/** How the model is shown. Each mode has what makes a difference in it. */
export function Adjust({ mode, settings, onSettings }: AdjustProps) {
  const { look, light, background } = settings;
  const setLook = (change: Partial<Look>) => onSettings({ ...settings, look: { ...look, ...change } });
  const group = useId();
  return (
    <div class="adjust">
      <fieldset class="segments">
        <legend>Background</legend>
        {BACKGROUNDS.map(({ value, label }) => (
          <label key={value}>
            <input
              type="radio"
              name={group}
              checked={background === value}
              onChange={() => onSettings({ ...settings, background: value })}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <Slider
        label="Exposure"
        {...{ min: -2, max: 2, step: 0.1 }}
        value={look.exposure}
        said={`${look.exposure > 0 ? "+" : ""}${look.exposure.toFixed(1)} stops`}
        onValue={(exposure) => setLook({ exposure })}
      />
      {mode === "points" && (
        <Slider
          label="Point size"
          {...{ min: 1, max: 12, step: 0.5 }}
          value={look.pointSize}
          said={`${look.pointSize} px`}
          onValue={(pointSize) => setLook({ pointSize })}
        />
      )}
      {mode === "mesh" && (
        <>
          <label class="check">
            <input
              type="checkbox"
              checked={look.wireframe}
              onChange={(event) => setLook({ wireframe: event.currentTarget.checked })}
            />
            Wireframe
          </label>
          <Slider
            label="Light"
            {...{ min: 0, max: 3, step: 0.1 }}
            value={light.strength}
            said={`${Math.round(light.strength * 100)} %`}
            onValue={(strength) => onSettings({ ...settings, light: { ...light, strength } })}
          />
          <Slider
            label="Light from"
            {...{ min: -180, max: 180, step: 5 }}
            value={light.direction}
            said={`${light.direction}°`}
            onValue={(direction) => onSettings({ ...settings, light: { ...light, direction } })}
          />
          <Slider
            label="Roughness"
            {...{ min: 0, max: 1, step: 0.05 }}
            value={look.roughness ?? 0.85}
            said={look.roughness === null ? "as made" : look.roughness.toFixed(2)}
            onValue={(roughness) => setLook({ roughness })}
          />
          <Slider
            label="Metal"
            {...{ min: 0, max: 1, step: 0.05 }}
            value={look.metalness ?? 0}
            said={look.metalness === null ? "as made" : look.metalness.toFixed(2)}
            onValue={(metalness) => setLook({ metalness })}
          />
        </>
      )}
      <Button kind="quiet" onClick={() => onSettings(USUAL)}>
        As made
      </Button>
    </div>
  );
}

interface SliderProps {
  label: string;
  min: number;
  max: number;
  step: number;
  value: number;
  /** The value in words. */
  said: string;
  onValue: (value: number) => void;
}

function Slider({ label, said, onValue, ...input }: SliderProps) {
  const id = useId();
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <output for={id}>{said}</output>
      <input
        {...input}
        id={id}
        type="range"
        aria-valuetext={said}
        onInput={(event) => onValue(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}
