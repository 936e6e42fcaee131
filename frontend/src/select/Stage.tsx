import type { RefObject } from "preact";
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "preact/hooks";

import { drawMarks, drawOutlines } from "./draw";
import { boxOf, isSlip, type Action, type Box, type Marks, type Point } from "./objects";
import type { Outline } from "./segmenter";
import type { Tool } from "./tools";
import {
  clampedTo,
  fit,
  moved,
  resized,
  showing,
  toPhoto,
  within,
  zoomed,
  type Place,
  type Size,
  type View,
} from "./view";

export interface StageHandle {
  zoom: (factor: number) => void;
  fit: () => void;
  focus: () => void;
}

interface StageProps {
  handle: RefObject<StageHandle | null>;
  photo: HTMLImageElement;
  marks: Marks;
  outlines: ReadonlyMap<number, Outline>;
  hover: Outline | undefined;
  colour: string;
  tool: Tool;
  /** Of brush and eraser, px of the photo. */
  radius: number;
  opacity: number;
  onAction: (action: Action) => void;
  /** What would be clicked; undefined when nothing would. pressed: it is about to be. */
  onHover: (point: Point | undefined, pressed?: boolean) => void;
  onSlip: () => void;
}

type Drag =
  | { kind: "press"; from: Place; at: Place; inside: boolean }
  | { kind: "box"; from: Place; to: Place }
  | { kind: "stroke"; path: number[]; erase: boolean }
  | { kind: "pan"; last: Place };

const SLOP = 4; // px of the screen that a pressed finger or mouse may move and still click
const KEY_STEP = 10;
const VIEW_STEP = 60;
const PIXELS_SHOWN = 6; // from this scale on the photo's px are shown as squares
const RAW = "onpointerrawupdate" in window; // told at once, while moves wait for the next frame; in secure contexts only

/** The photo with what is marked in it. Mouse, pen, fingers and keys end in the same actions. */
export function Stage(props: StageProps) {
  const { photo, marks, outlines, hover, colour, tool, radius, opacity, onAction, onHover, onSlip } = props;
  const root = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const lower = useRef<HTMLCanvasElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [stage, setStage] = useState<Size>({ width: 0, height: 0 });
  const measured = useRef<Size>(undefined);
  const [view, setView] = useState<View>();
  const [drag, setDrag] = useState<Drag>();
  const [pointer, setPointer] = useState<Place>();
  const [cursor, setCursor] = useState<Place>();
  const fingers = useRef(new Map<number, Place>());
  const spread = useRef<{ distance: number; middle: Place } | undefined>(undefined);
  const [panning, setPanning] = useState(false); // the space bar is held

  const size: Size = { width: photo.naturalWidth, height: photo.naturalHeight };
  const painting = tool === "brush" || tool === "eraser";

  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => {
      if (!entry) return;
      const { width, height } = entry.contentRect;
      const now = { width, height };
      const before = measured.current;
      measured.current = now;
      setStage(now);
      setView((old) => (old && before ? resized(old, before, now, size) : fit(now, size)));
    });
    if (root.current) watch.observe(root.current);
    return () => watch.disconnect();
  }, [photo]);

  useLayoutEffect(() => frame.current?.replaceChildren(photo), [photo]);

  // On a canvas of their own: without a graphics card a drawing of outlines takes 5 ms from those that decode. A point, a
  // preview, a pointer that moves leave it as it is.
  const shown = marks.objects.map(({ id, colour }) => `${id} ${colour}`).join();
  useLayoutEffect(() => {
    const context = view && contextOf(lower.current, stage);
    if (context) drawOutlines(context, devicePixelRatio, { view, opacity, ...marks, outlines });
  }, [stage, view, opacity, shown, marks.active, outlines]);

  const box = drag?.kind === "box" ? drag : undefined;
  const stroke = drag?.kind === "stroke" ? drag : undefined;
  const brush = painting ? (cursor ?? pointer) : undefined;
  useLayoutEffect(() => {
    const context = view && contextOf(canvas.current, stage);
    if (!context) return;
    drawMarks(context, devicePixelRatio, {
      view,
      opacity,
      ...marks,
      hover,
      colour,
      box: box && boxOf(box.from.x, box.from.y, box.to.x, box.to.y),
      stroke: stroke && { ...stroke, radius },
      brush: brush && { at: brush, radius },
      cursor,
    });
  }, [stage, view, opacity, marks, hover, colour, box, stroke, brush, cursor, radius]);

  useImperativeHandle(props.handle, () => ({
    zoom: (factor) => zoomBy(factor, { x: stage.width / 2, y: stage.height / 2 }),
    fit: () => setView(fit(stage, size)),
    focus: () => canvas.current?.focus(),
  }));

  // Not through Preact: a wheel is only kept from scrolling the page by a listener that is not passive.
  useEffect(() => {
    const element = canvas.current;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      if (event.shiftKey) panBy(-event.deltaY * lines, 0);
      else zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), placeOf(event));
    };
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, [stage, photo]);

  function zoomBy(factor: number, at: Place): void {
    setView((old) => old && zoomed(old, factor, at, stage, size));
  }

  function panBy(dx: number, dy: number): void {
    setView((old) => old && moved(old, dx, dy, stage, size));
  }

  function placeOf(event: MouseEvent): Place {
    const corner = canvas.current!.getBoundingClientRect();
    return { x: event.clientX - corner.left, y: event.clientY - corner.top };
  }

  function onPointerDown(event: PointerEvent): void {
    if (!view) return;
    canvas.current?.setPointerCapture(event.pointerId);
    setCursor(undefined);
    const screen = placeOf(event);
    fingers.current.set(event.pointerId, screen);
    if (fingers.current.size > 1) {
      spread.current = undefined;
      setDrag(undefined); // a second finger means the view
      return onHover(undefined);
    }
    const from = toPhoto(view, screen);
    if (event.button === 1 || panning) setDrag({ kind: "pan", last: screen });
    else if (painting) setDrag({ kind: "stroke", path: [from.x, from.y], erase: erases(event) });
    else {
      setDrag({ kind: "press", from: screen, at: from, inside: isInside(event) });
      return hoverAt(from, isInside(event), true);
    }
    onHover(undefined);
  }

  /** Alt and the right button mean the opposite of the tool. */
  function isInside(event: MouseEvent): boolean {
    return (tool === "remove") === (event.altKey || event.button === 2 || event.buttons === 2);
  }

  function erases(event: MouseEvent): boolean {
    return (tool === "eraser") !== (event.altKey || event.button === 2);
  }

  function onPointerMove(event: PointerEvent): void {
    if (!view) return;
    const screen = placeOf(event);
    if (fingers.current.has(event.pointerId)) fingers.current.set(event.pointerId, screen);
    if (fingers.current.size > 1) return pinch();
    const at = toPhoto(view, screen);
    setPointer(within(at, size) ? at : undefined);
    if (!drag) {
      setCursor(undefined);
      if (!RAW) lookAt(event);
    } else if (drag.kind === "pan") {
      panBy(screen.x - drag.last.x, screen.y - drag.last.y);
      setDrag({ kind: "pan", last: screen });
    } else if (drag.kind === "press") {
      if (Math.hypot(screen.x - drag.from.x, screen.y - drag.from.y) <= SLOP) return;
      onHover(undefined);
      // With the box tool a finger draws; with the others it moves the photo, as fingers do everywhere.
      if (event.pointerType === "touch" && tool !== "box") setDrag({ kind: "pan", last: screen });
      else setDrag({ kind: "box", from: clampedTo(drag.at, size), to: clampedTo(at, size) });
    } else proceed(drag, at);
  }

  /** Only asks: it may come several times a frame. */
  function lookAt(event: PointerEvent): void {
    if (!view || drag || fingers.current.size > 1 || event.pointerType === "touch") return;
    hoverAt(toPhoto(view, placeOf(event)), isInside(event));
  }

  function proceed(begun: Drag, at: Place): void {
    if (begun.kind === "box") setDrag({ ...begun, to: clampedTo(at, size) });
    if (begun.kind === "stroke") setDrag({ ...begun, path: [...begun.path, at.x, at.y] });
  }

  function onPointerUp(event: PointerEvent): void {
    fingers.current.delete(event.pointerId);
    spread.current = undefined;
    if (drag) finish(drag);
    setDrag(undefined);
    if (event.pointerType === "touch") setPointer(undefined);
  }

  function giveUp(): void {
    fingers.current.clear();
    setDrag(undefined);
    setPointer(undefined);
    onHover(undefined);
  }

  function finish(done: Drag): void {
    if (done.kind === "press" && within(done.at, size)) {
      if (tool !== "box") onAction({ do: "point", point: { ...rounded(done.at), inside: done.inside } });
    } else if (done.kind === "box") {
      const { from, to } = done;
      addBox(boxOf(from.x, from.y, to.x, to.y));
    } else if (done.kind === "stroke") {
      const path = done.path.map((value) => Math.round(value * 10) / 10);
      onAction({ do: "edit", edit: { kind: "stroke", erase: done.erase, radius, path } });
    }
  }

  function addBox({ left, top, right, bottom }: Box): void {
    const [from, to] = [rounded({ x: left, y: top }), rounded({ x: right, y: bottom })];
    const box = boxOf(from.x, from.y, to.x, to.y);
    if (isSlip(box)) onSlip();
    else onAction({ do: "box", box });
  }

  function hoverAt(at: Place, inside: boolean, pressed = false): void {
    const clickable = !painting && tool !== "box" && within(at, size);
    onHover(clickable ? { ...rounded(at), inside } : undefined, pressed);
  }

  function pinch(): void {
    const [one, two] = [...fingers.current.values()];
    if (!one || !two) return;
    const middle = { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 };
    const distance = Math.hypot(one.x - two.x, one.y - two.y);
    const last = spread.current;
    if (last) {
      panBy(middle.x - last.middle.x, middle.y - last.middle.y);
      if (last.distance) zoomBy(distance / last.distance, middle);
    }
    spread.current = { distance, middle };
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (!view || event.ctrlKey || event.metaKey) return;
    const way = ARROWS[event.key];
    if (way && event.shiftKey) panBy(-way[0] * VIEW_STEP, -way[1] * VIEW_STEP);
    else if (way) {
      const from = cursor ?? toPhoto(view, { x: stage.width / 2, y: stage.height / 2 });
      const step = cursor ? KEY_STEP / view.scale : 0; // the first press only shows it
      const at = clampedTo({ x: from.x + way[0] * step, y: from.y + way[1] * step }, size);
      setCursor(at);
      setView(showing(view, at, stage, size));
      if (drag) proceed(drag, at);
      else hoverAt(at, tool !== "remove");
    } else if (event.key === "Enter" && cursor) {
      if (!event.repeat) press(cursor, event.shiftKey); // held, it is one
    } else if (event.key === "Escape" && drag) setDrag(undefined);
    else if (event.key === " ") setPanning(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A point at once; box and stroke begin with one Enter and end with the next. */
  function press(at: Place, other: boolean): void {
    if (drag) {
      finish(drag);
      setDrag(undefined);
    } else if (painting)
      setDrag({ kind: "stroke", path: [at.x, at.y], erase: (tool === "eraser") !== other });
    else if (tool === "box") setDrag({ kind: "box", from: at, to: at });
    else onAction({ do: "point", point: { ...rounded(at), inside: (tool === "add") !== other } });
  }

  return (
    <div class="stage" ref={root}>
      <div class="stage-photo" aria-hidden="true" ref={frame} style={view && placed(view)} />
      <canvas aria-hidden="true" ref={lower} />
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription="photo to mark"
        aria-label="The photo"
        aria-describedby="stage-keys"
        class={panning || drag?.kind === "pan" ? "stage-pan" : painting ? "stage-paint" : "stage-point"}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        {...(RAW && { onPointerRawUpdate: lookAt })}
        onPointerUp={onPointerUp}
        onPointerCancel={giveUp}
        onPointerLeave={() => !drag && giveUp()}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={onKeyDown}
        onKeyUp={(event) => event.key === " " && setPanning(false)}
        onBlur={() => (setCursor(undefined), setPanning(false))}
      />
      <p id="stage-keys" class="unseen">
        Arrow keys move a cursor; Enter marks the object there, Shift and Enter what does not belong to it.
        The question mark lists all keys.
      </p>
    </div>
  );
}

/** Of a canvas that has as many px as the screen. */
function contextOf(
  canvas: HTMLCanvasElement | null,
  stage: Size,
): CanvasRenderingContext2D | null | undefined {
  if (!canvas || !stage.width) return undefined;
  const [width, height] = [stage.width, stage.height].map((side) => Math.round(side * devicePixelRatio));
  if (canvas.width !== width) canvas.width = width!;
  if (canvas.height !== height) canvas.height = height!;
  return canvas.getContext("2d");
}

/** The browser scales the photo by itself, apart from this thread; drawn again for each mark it would hold it up. */
function placed({ x, y, scale }: View) {
  return {
    transform: `translate(${x}px, ${y}px) scale(${scale})`,
    imageRendering: scale < PIXELS_SHOWN ? "auto" : "pixelated",
  };
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Tenths of a px: short to store, exact enough. */
function rounded({ x, y }: Place): Place {
  return { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 };
}
