import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { SelectProps } from "../app/contracts";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Progress } from "../ui/Progress";
import { begin, redo, step, undo } from "./history";
import { Late } from "./Late";
import { active, clicks, COLOURS, mark, type Action, type Marked, type Point } from "./objects";
import { Panel } from "./Panel";
import type { Outline } from "./segmenter";
import "./select.css";
import { Shortcuts } from "./Shortcuts";
import { Stage, type StageHandle } from "./Stage";
import { recall, remember, watch } from "./store";
import { Toolbar } from "./Toolbar";
import { pressed, TOOLS, type Command, type Tool } from "./tools";
import { trouble } from "./trouble";
import { useMasks } from "./useMasks";
import { usePhoto } from "./usePhoto";

const ZOOM = 1.4;
const BRUSH_STEP = 1.25;
const WORK_MS = 800; // of most clicks the mask is there before

/** Step 3: the objects in the photo are marked. */
export function Select({ session, onMake }: SelectProps) {
  const [history, setHistory] = useState(() => begin(recall(session.session_id)));
  const [tool, setTool] = useState<Tool>("add");
  const [opacity, setOpacity] = useState(0.45);
  const [told, setTold] = useState({ text: "", seen: false });
  const [help, setHelp] = useState(false);
  const [making, setMaking] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const stage = useRef<StageHandle | null>(null);
  const marks = history.present;
  const chosen = active(marks);

  const { photo, failed: photoFailed } = usePhoto(session.photo?.url);
  const largest = Math.max(
    Math.round(Math.max(session.photo?.width ?? 0, session.photo?.height ?? 0) / 8),
    8,
  );
  const [radius, setRadius] = useState(Math.round(largest / 5));
  const masks = useMasks(session, marks, (object, outline) => tell(sentence(object, outline)));

  /** For those who do not see the photo; and for all, where the photo does not show it. */
  function tell(text: string, seen = false): void {
    setTold({ text, seen });
  }

  // What a click would make is another thing now, until the pointer moves.
  useLayoutEffect(() => masks.preview(undefined, undefined), [marks, tool]);

  // Once the dialog is gone: as long as it is open, nothing behind it takes the focus.
  const helped = useRef(false);
  useEffect(() => {
    if (helped.current && !help) stage.current?.focus();
    helped.current = help;
  }, [help]);

  useEffect(() => remember(session.session_id, marks), [marks]);
  useEffect(() => watch(session.session_id, (elsewhere) => setHistory((old) => step(old, elsewhere))), []);

  const sliding = useRef<number>(undefined); // the object whose slider moved last: its moves are one step
  function act(action: Action): void {
    const slides = action.do === "threshold" ? chosen?.id : undefined;
    const merge = slides !== undefined && slides === sliding.current;
    sliding.current = slides;
    setHistory((old) => step(old, mark(old.present, action), merge));
    // These take the button away or off that was pressed, and with it the focus.
    if (action.do === "new" || action.do === "delete" || action.do === "clear") stage.current?.focus();
    if (action.do === "new") tell("Mark the next object.", true);
    if (action.do === "delete" || action.do === "clear") tell("Deleted. Undo brings it back.");
    if (action.do === "reset") tell("Reset.");
    if (action.do === "point" && !action.point.inside && !chosen)
      tell("First mark what belongs to the object.", true);
  }

  function run(command: Command): void {
    sliding.current = undefined;
    if (command === "undo") setHistory(undo);
    if (command === "redo") setHistory(redo);
    if (command === "undo" || command === "redo") tell(command === "undo" ? "Undone." : "Done again.");
    if (command === "new") act({ do: "new" });
    if (command === "invert") act({ do: "edit", edit: { kind: "invert" } });
    if (command === "reset") act({ do: "reset" });
    if (command === "delete" && chosen) act({ do: "delete", id: chosen.id });
    if (command === "smaller") setRadius((old) => Math.max(Math.floor(old / BRUSH_STEP), 1));
    if (command === "larger") setRadius((old) => Math.min(Math.ceil(old * BRUSH_STEP), largest));
    if (command === "in") stage.current?.zoom(ZOOM);
    if (command === "out") stage.current?.zoom(1 / ZOOM);
    if (command === "fit") stage.current?.fit();
    if (command === "help") setHelp(true);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    // The body, and what a page's change or a click beside everything gives the focus to.
    const around = target.contains(root.current) && root.current?.checkVisibility();
    if (!around && !root.current?.contains(target)) return;
    const typing = target instanceof HTMLInputElement && target.type !== "range" && target.type !== "radio";
    if (typing || document.querySelector("dialog[open]")) return;
    const wish = pressed(event);
    if (!wish) return;
    event.preventDefault();
    if ("tool" in wish) choose(wish.tool);
    else if ("command" in wish) run(wish.command);
    else if (chosen) act({ do: "candidate", candidate: wish.candidate });
  }

  // Of the whole page, so that the keys work before anything has the focus.
  const keys = useRef(onKeyDown);
  keys.current = onKeyDown;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => keys.current(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);

  function choose(next: Tool): void {
    setTool(next);
    const { label, hint } = TOOLS.find((it) => it.tool === next)!;
    tell(`${label}. ${hint}`);
  }

  async function make(): Promise<void> {
    setMaking(true);
    const objects = await masks.selected();
    setMaking(false);
    if (objects.length) onMake(objects);
  }

  function startOver(): void {
    act({ do: "clear" });
    masks.reload();
  }

  const { readiness, outlines } = masks;
  const count = marks.objects.length;
  const wrong = marks.objects.some((it) => trouble(it, outlines.get(it.id)));
  const ready = readiness.state === "ready" && masks.settled && count > 0 && !wrong;
  if (!session.photo || !session.embedding) return null;
  return (
    <div
      class="select"
      ref={root}
      data-decoder={readiness.state}
      data-hovered={fineness(masks.hover)}
      data-outlined={fineness(masks.outlined)}
    >
      <div class="select-stage">
        {photo && (
          <Stage
            handle={stage}
            photo={photo}
            marks={marks}
            outlines={outlines}
            hover={masks.hover}
            colour={chosen?.colour ?? COLOURS[nextNumber(marks.objects) % COLOURS.length]!}
            tool={tool}
            radius={radius}
            opacity={opacity}
            onAction={act}
            onHover={(point: Point | undefined, pressed?: boolean) => masks.preview(chosen, point, pressed)}
            onSlip={() => tell("That box is too small to be meant.", true)}
          />
        )}
        <div class="select-over">
          {told.seen && (
            <p class="select-told" aria-hidden="true">
              {told.text}
            </p>
          )}
          {photoFailed && (
            <Notice
              kind="bad"
              title="The photo could not be shown."
              hint="Check your connection, then reload the page."
            >
              <Button onClick={() => location.reload()}>Reload the page</Button>
            </Notice>
          )}
          {readiness.state === "loading" && (
            <div class="select-loading">
              <Progress label="Getting ready for your clicks" value={readiness.share} />
            </div>
          )}
          {readiness.state === "ready" && !masks.settled && (
            <Late after={WORK_MS}>
              <div class="select-loading">
                <Progress label="Working on your marks" />
              </div>
            </Late>
          )}
          {readiness.state === "failed" && (
            <Notice kind="bad" title={readiness.failure.message} hint={readiness.failure.hint}>
              <Button kind="primary" onClick={masks.reload}>
                Reload
              </Button>
              <Button onClick={startOver}>Start over</Button>
            </Notice>
          )}
        </div>
      </div>
      <Toolbar
        tool={tool}
        onTool={choose}
        onCommand={run}
        canUndo={history.past.length > 0}
        canRedo={history.future.length > 0}
      />
      <div class="select-panel">
        <Panel
          photo={session.photo}
          marks={marks}
          outlines={outlines}
          candidates={masks.candidates}
          opacity={opacity}
          onOpacity={setOpacity}
          radius={tool === "brush" || tool === "eraser" ? radius : undefined}
          largest={largest}
          onRadius={setRadius}
          onAction={act}
        />
      </div>
      <div class="select-make">
        <Button kind="primary" disabled={!ready} busy={making} onClick={() => void make()}>
          {count > 1 ? `Make ${count} 3D models` : "Make the 3D model"}
        </Button>
      </div>
      <p class="unseen" role="status">
        {told.text}
      </p>
      {help && <Shortcuts onClose={() => setHelp(false)} />}
    </div>
  );
}

/** What the last mark has made of an object, for those who do not see it. */
function sentence(object: Marked, outline: Outline): string {
  const wrong = trouble(object, outline);
  if (wrong) return `${object.name}: ${wrong}`;
  const share = outline.share < 0.01 ? "less than 1" : `${Math.round(outline.share * 100)}`;
  const count = clicks(object);
  return `${object.name}: ${count} ${count === 1 ? "mark" : "marks"}, ${share} % of the photo.`;
}

const fineness = (outline: Outline | undefined) => outline && (outline.coarse ? "coarse" : "fine");

const nextNumber = (objects: readonly Marked[]): number => Math.max(0, ...objects.map(({ id }) => id));
