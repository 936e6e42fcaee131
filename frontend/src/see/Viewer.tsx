import { useEffect, useRef, useState } from "preact/hooks";

import { asRefusal, type Refusal } from "../api/problem";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { fileName, save, type JobFiles } from "./files";
import { Icon, type IconName } from "./icons";
import type { Settings } from "./settings";
import { size, type Box } from "./viewer/frames";
import { moveOf } from "./viewer/keys";
import type { Layer, Mode } from "./viewer/layer";
import { load } from "./viewer/load";
import type { Stage } from "./viewer/stage";
import "./viewer.css";

interface ViewerProps {
  files: JobFiles;
  box: Box;
  mode: Mode;
  settings: Settings;
  /** Name of the model, for what is saved. */
  name: string | undefined;
  /** Shown until there is something better. */
  poster: string | undefined;
  /** Shown where nothing better can be. */
  turntable: string | undefined;
}

type Trouble = { kind: "no-webgl" } | { kind: "lost" } | { kind: "file"; refusal: Refusal };

const STEPS_OF_SHARE = 20; // how often a download's progress is shown

/** The model, to be turned around. Three ways of showing it share one camera. */
export function Viewer({ files, box, mode, settings, name, poster, turntable }: ViewerProps) {
  const root = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const layers = useRef(new Map<Mode, Layer>());
  const [stage, setStage] = useState<Stage>();
  const [shown, setShown] = useState<Mode>();
  const [share, setShare] = useState(0);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [turning, setTurning] = useState(false);
  const [measured, setMeasured] = useState(false);

  // The stage, once for each canvas; another attempt after its context was lost has another canvas.
  useEffect(() => {
    let made: Stage | undefined;
    let left = false;
    setTrouble(null);
    void import("./viewer/stage").then(({ Stage, NoWebGl }) => {
      if (left || !canvas.current) return;
      try {
        made = new Stage(canvas.current, box, () => setTrouble({ kind: "lost" }));
        setStage(made);
      } catch (error) {
        if (error instanceof NoWebGl) setTrouble({ kind: "no-webgl" });
        else setTrouble({ kind: "file", refusal: asRefusal(error) });
      }
    });
    return () => {
      left = true;
      made?.dispose();
      for (const layer of layers.current.values()) layer.dispose();
      layers.current.clear();
      setStage(undefined);
      setShown(undefined);
    };
  }, [files, box, attempt]);

  // What it shows. A layer once made is kept, so that switching between modes is immediate.
  useEffect(() => {
    if (!stage) return;
    const left = new AbortController();
    const show = (layer: Layer) => {
      layers.current.set(mode, layer);
      layer.apply(settings.look);
      stage.show(layer);
      setTrouble(null);
      void Promise.resolve(layer.drawn).then(() => left.signal.aborted || setShown(mode));
    };
    const known = layers.current.get(mode);
    if (known) {
      show(known);
      return () => left.abort();
    }
    setShare(0);
    load(mode, files, {
      renderer: stage.renderer,
      onChange: stage.invalidate,
      signal: left.signal,
      onProgress: (value) => setShare(Math.round(value * STEPS_OF_SHARE) / STEPS_OF_SHARE),
    }).then(
      (layer) => (left.signal.aborted ? layer.dispose() : show(layer)),
      (error: unknown) => left.signal.aborted || setTrouble({ kind: "file", refusal: asRefusal(error) }),
    );
    return () => left.abort();
  }, [stage, mode, files]);

  useEffect(() => {
    for (const layer of layers.current.values()) layer.apply(settings.look);
    stage?.light(settings.light);
  }, [stage, shown, settings]);

  useEffect(() => stage?.turntable(turning), [stage, turning]);
  useEffect(() => stage?.outline(measured ? "#79a6ff" : null), [stage, measured]);

  async function screenshot(): Promise<void> {
    if (stage) save(await stage.screenshot(), fileName(name, "view.png"));
  }

  function fullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void root.current?.requestFullscreen();
  }

  const tools: { icon: IconName; label: string; key: string; run: () => void; pressed?: boolean }[] = [
    { icon: "turntable", label: "Turntable", key: "t", run: () => setTurning(!turning), pressed: turning },
    { icon: "measure", label: "Size", key: "m", run: () => setMeasured(!measured), pressed: measured },
    { icon: "reset", label: "Reset view", key: "r", run: () => (setTurning(false), stage?.home()) },
    { icon: "camera", label: "Save picture", key: "s", run: () => void screenshot() },
  ];
  if (document.fullscreenEnabled)
    tools.push({ icon: "full", label: "Full screen", key: "f", run: fullScreen });

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = moveOf(event.key, event.shiftKey);
    const tool = tools.find(({ key }) => key === event.key.toLowerCase());
    if (!move && !tool) return;
    event.preventDefault();
    if (move) stage?.move(move);
    else tool?.run();
  }

  const busy = shown !== mode && !trouble;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const picture = trouble?.kind === "no-webgl" && turntable && !still ? turntable : poster;
  return (
    <div class={`viewer viewer-${settings.background}`} ref={root}>
      {picture && !shown && (
        <img
          class="viewer-poster"
          src={picture}
          alt={trouble ? "The model, as a picture" : ""}
          crossOrigin="anonymous"
        />
      )}
      <canvas
        key={attempt}
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label="The model in 3D"
        aria-describedby="viewer-keys"
        data-shown={shown}
        onKeyDown={onKeyDown}
      />
      <p id="viewer-keys" class="unseen">
        Arrow keys turn the model, with Shift they move it, plus and minus zoom.
      </p>
      <p class="viewer-state" role="status">
        {busy && (share < 1 ? `Loading ${Math.round(share * 100)} %` : "Preparing")}
        {measured && !busy && <Size box={box} />}
      </p>
      {trouble && (
        <div class="viewer-trouble">
          <TroubleNotice trouble={trouble} onAgain={() => setAttempt(attempt + 1)} />
        </div>
      )}
      <div class="viewer-tools" role="toolbar" aria-label="View">
        {tools.map(({ icon, label, key, run, pressed }) => (
          <button
            key={icon}
            type="button"
            disabled={!stage}
            aria-pressed={pressed}
            aria-label={label}
            aria-keyshortcuts={key}
            title={`${label} (${key.toUpperCase()})`}
            onClick={run}
          >
            <Icon name={icon} />
          </button>
        ))}
      </div>
    </div>
  );
}

function TroubleNotice({ trouble, onAgain }: { trouble: Trouble; onAgain: () => void }) {
  if (trouble.kind === "no-webgl")
    return (
      <Notice
        kind="warn"
        title="This browser cannot show 3D here: it offers no WebGL 2."
        hint="You see a picture of the model instead, and can download all its files."
      />
    );
  const [title, hint] =
    trouble.kind === "lost"
      ? ["The graphics card has stopped showing the model.", "Other programs may use up its memory."]
      : [trouble.refusal.message, trouble.refusal.hint];
  return (
    <Notice kind="warn" title={title} hint={hint}>
      <Button onClick={onAgain}>Show it again</Button>
    </Notice>
  );
}

function Size({ box }: { box: Box }) {
  const [width, height, depth] = size(box).map((value) => value.toFixed(2));
  return (
    <>{`${width} wide × ${height} high × ${depth} deep, in units: a photo does not tell the true size`}</>
  );
}
