import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useState } from "preact/hooks";

import { api } from "../api/client";
import type { JobView } from "../api/types";
import type { SeeProps } from "../app/contracts";
import { lazy } from "../ui/Async";
import { Button } from "../ui/Button";
import { HAND_HELD } from "../ui/handheld";
import { Progress } from "../ui/Progress";
import { Adjust } from "./Adjust";
import { Cutout } from "./Cutout";
import { Downloads } from "./Downloads";
import { JobFiles } from "./files";
import { Icon } from "./icons";
import { rememberedMode, rememberMode, USUAL } from "./settings";
import { readStats, type Stats } from "./stats";
import type { Mode } from "./viewer/layer";
import { source } from "./viewer/load";
import { Viewer } from "./Viewer";
import "./see.css";

const Ar = lazy(() => import("./Ar").then((it) => it.default));

const MODES: readonly { mode: Mode; label: string; words: string }[] = [
  {
    mode: "splats",
    label: "Splats",
    words: "Gaussian splats: soft blobs of colour, as they were reconstructed.",
  },
  { mode: "points", label: "Points", words: "The centres of the Gaussians." },
  { mode: "mesh", label: "Mesh", words: "A closed surface with its texture, as other programs get it." },
];
/** Where statistics cannot be had: what every reconstruction is scaled to. */
const UNIT_BOX = { min: [-0.5, -0.5, -0.5], max: [0.5, 0.5, 0.5] } as const;

/** A finished job: its model to turn around, its files to take. */
export function See({ session, job, onRetry }: SeeProps) {
  const files = useMemo(
    () => new JobFiles(job.files, async () => (await api.job(job.session_id, job.job_id)).files),
    [job.job_id],
  );
  const modes = MODES.filter(({ mode }) => source(mode, files) !== undefined);
  const [mode, setMode] = useState<Mode>(
    () => (modes.find((it) => it.mode === rememberedMode()) ?? modes[0])?.mode ?? "splats",
  );
  const [settings, setSettings] = useState(USUAL);
  const [stats, setStats] = useState<Stats>();
  const [ar, setAr] = useState(false);
  const group = useId();

  function choose(chosen: Mode): void {
    setMode(chosen);
    rememberMode(chosen);
  }

  useEffect(() => {
    files
      .read("stats.json")
      .then((content) => readStats(new TextDecoder().decode(content)))
      .catch(() => ({ facts: [] })) // the model can be seen without its figures
      .then(setStats);
  }, [files]);

  return (
    <div class="see">
      <div class="see-stage">
        {stats ? (
          <Viewer
            {...{ files, mode, settings }}
            box={stats.bounds ?? UNIT_BOX}
            name={job.name}
            poster={job.files["preview.png"]?.url}
            turntable={job.files["turntable.webp"]?.url}
          />
        ) : (
          <div class="viewer viewer-dark">
            <Progress label="Loading" />
          </div>
        )}
        <fieldset class="segments see-modes">
          <legend class="unseen">Show as</legend>
          {modes.map(({ mode: value, label, words }) => (
            <label key={value} title={words}>
              <input type="radio" name={group} checked={mode === value} onChange={() => choose(value)} />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <div class="see-panel">
        <header class="see-head">
          <h2>{job.name ?? "Model"}</h2>
          {job.weight_free && <WeightFree />}
          <p class="field-hint">{MODES.find((it) => it.mode === mode)?.words}</p>
        </header>
        <div class="see-actions">
          {HAND_HELD && files.has("mesh.glb") && (
            <Button kind="primary" onClick={() => setAr(true)}>
              <Icon name="ar" /> In your room
            </Button>
          )}
          <Button onClick={() => onRetry(job)}>Make it again with other options</Button>
        </div>
        <Panel title="Download" open>
          <Downloads
            files={files}
            names={Object.keys(job.files)}
            model={job.name}
            linkTo={async (name) => {
              const { path } = await api.createLink(job.session_id, job.job_id, name);
              return `${location.origin}/api${path}`;
            }}
          />
        </Panel>
        <Panel title="View">
          <Adjust {...{ mode, settings }} onSettings={setSettings} />
        </Panel>
        {session.photo && (
          <Panel title="Photo">
            <Cutout photo={session.photo} mask={job.files["mask.png"]?.url} />
          </Panel>
        )}
        <Panel title="Figures">
          <Figures job={job} stats={stats} />
        </Panel>
        <Panel title="Keys">
          <Keys />
        </Panel>
      </div>
      {ar && <Ar files={files} onClose={() => setAr(false)} />}
    </div>
  );
}

interface PanelProps {
  title: string;
  open?: boolean;
  children: ComponentChildren;
}

function Panel({ title, open = false, children }: PanelProps) {
  return (
    <details class="panel" open={open}>
      <summary>
        <h3>{title}</h3>
      </summary>
      {children}
    </details>
  );
}

function WeightFree() {
  return (
    <p class="weight-free">
      <strong>Made without a trained model.</strong> A simple engine took part, for trying Gen3D out: expect a
      relief of the photo rather than the whole object.
    </p>
  );
}

function Figures({ job, stats }: { job: JobView; stats: Stats | undefined }) {
  const { engine, options } = job;
  const facts = [
    ...(engine ? [{ label: "Engine", value: `${engine.name} ${engine.version}` }] : []),
    { label: "Quality", value: options.quality },
    { label: "Seed", value: String(options.seed) },
    ...(stats?.facts ?? []),
  ];
  return (
    <dl class="figures">
      {facts.map(({ label, value }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const KEYS = [
  ["← → ↑ ↓", "turn"],
  ["Shift ← → ↑ ↓", "move"],
  ["+ −", "zoom"],
  ["R", "reset view"],
  ["T", "turntable"],
  ["M", "size"],
  ["S", "save picture"],
  ["F", "full screen"],
] as const;

function Keys() {
  return (
    <dl class="figures">
      {KEYS.map(([keys, words]) => (
        <div key={keys}>
          <dt>
            <kbd>{keys}</kbd>
          </dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}
