// Where a model is looked at: camera, light and canvas. It draws on demand only: when something has changed.
import {
  Box3,
  Box3Helper,
  Color,
  DirectionalLight,
  LinearToneMapping,
  PerspectiveCamera,
  PMREMGenerator,
  Scene,
  Spherical,
  Timer,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";
import { centre, distance, radius, type Box } from "./frames";
import type { Layer } from "./layer";

const FIELD_OF_VIEW = 30;
const MARGIN = 0.92; // of the ball around the box, which no model fills
const CONTROLS = 64; // px at the top and at the bottom that lie under buttons
/** From where the model is first seen: a little from the right and above, as in its preview. */
const AZIMUTH = 0.45;
const POLAR = Math.PI / 2 - 0.25;
const TURN_SECONDS = 20;
const SHARPEST = 2;
/** Px of the room that the model mirrors. Four times as many show on polished metal only, and stop a page that has no
 * graphics card for ten times as long. */
const ROOM_SIDE = 64;

export interface Light {
  /** 1 is usual. */
  strength: number;
  /** Where it comes from, in degrees around the model; 0 is the front. */
  direction: number;
}

export type Move =
  | { kind: "orbit"; right: number; up: number }
  | { kind: "pan"; right: number; up: number }
  | { kind: "zoom"; factor: number };

/** The browser has no WebGL 2 for this page. */
export class NoWebGl extends Error {}

export class Stage {
  readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(FIELD_OF_VIEW);
  private readonly controls: OrbitControls;
  private readonly sun = new DirectionalLight();
  private readonly timer = new Timer();
  private readonly resized: ResizeObserver;
  private frame: number | undefined;
  private layer: Layer | undefined;
  private measure: Box3Helper | undefined;
  private turning = false;
  /** How far away a ball of radius 1 was in view when the canvas had its size last. */
  private unit = 1;

  /** box: what is to be in view. onLost: the graphics card took its memory back; this stage is over then. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly box: Box,
    onLost: () => void,
  ) {
    try {
      // On sharp screens pixels are so small that smoothing edges costs more than it shows.
      this.renderer = new WebGLRenderer({ canvas, alpha: true, antialias: devicePixelRatio < SHARPEST });
    } catch {
      throw new NoWebGl();
    }
    this.renderer.toneMapping = LinearToneMapping;
    canvas.addEventListener("webglcontextlost", onLost, { once: true });
    const rays = new PMREMGenerator(this.renderer);
    const room = new RoomEnvironment();
    this.scene.environment = rays.fromScene(room, 0.04, 0.1, 100, { size: ROOM_SIDE }).texture;
    room.dispose();
    rays.dispose();
    this.scene.add(this.sun, this.sun.target);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.zoomToCursor = true;
    this.controls.addEventListener("change", this.invalidate);
    this.controls.addEventListener("start", () => canvas.dispatchEvent(new Event("grab")));
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(canvas);

    this.fit();
    this.home();
  }

  /** Draws a frame soon. */
  readonly invalidate = (): void => {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  };

  /** Shows this layer in place of the one before, or none. Who made a layer disposes of it. */
  show(layer: Layer | undefined): void {
    if (this.layer) this.scene.remove(this.layer.object);
    if (layer) this.scene.add(layer.object);
    this.layer = layer;
    this.invalidate();
  }

  light({ strength, direction }: Light): void {
    const angle = (direction * Math.PI) / 180;
    this.sun.intensity = strength;
    this.sun.position.set(Math.sin(angle), 0.8, Math.cos(angle));
    this.scene.environmentIntensity = 0.55 * strength;
    this.scene.environmentRotation.y = angle;
    this.invalidate();
  }

  /** Shows the box around the model in a colour, or none. */
  outline(colour: string | null): void {
    if (this.measure) {
      this.scene.remove(this.measure);
      this.measure.dispose();
      this.measure = undefined;
    }
    if (colour !== null) {
      const box = new Box3(new Vector3(...this.box.min), new Vector3(...this.box.max));
      this.measure = new Box3Helper(box, new Color(colour));
      this.scene.add(this.measure);
    }
    this.invalidate();
  }

  turntable(on: boolean): void {
    this.turning = on;
    this.controls.autoRotate = on;
    this.controls.autoRotateSpeed = 60 / TURN_SECONDS;
    this.timer.update();
    this.invalidate();
  }

  move(move: Move): void {
    const offset = this.camera.position.clone().sub(this.controls.target);
    if (move.kind === "orbit") {
      const place = new Spherical().setFromVector3(offset);
      place.theta += move.right;
      place.phi += -move.up;
      this.camera.position.copy(this.controls.target).add(offset.setFromSpherical(place.makeSafe()));
    } else if (move.kind === "zoom") {
      const [near, far] = [this.controls.minDistance, this.controls.maxDistance];
      offset.setLength(Math.min(Math.max(offset.length() * move.factor, near), far));
      this.camera.position.copy(this.controls.target).add(offset);
    } else {
      const { elements } = this.camera.matrixWorld;
      const step = new Vector3(...elements.slice(0, 3)).multiplyScalar(move.right * offset.length());
      step.add(new Vector3(...elements.slice(4, 7)).multiplyScalar(move.up * offset.length()));
      this.camera.position.add(step);
      this.controls.target.add(step);
    }
    this.controls.update();
    this.invalidate();
  }

  /** Back to where the model was first seen from. */
  home(azimuth = AZIMUTH, polar = POLAR): void {
    const ball = radius(this.box) * MARGIN;
    const far = this.distanceOf(ball);
    this.controls.target.set(...centre(this.box));
    this.controls.minDistance = ball * 0.2;
    this.controls.maxDistance = far * 6;
    this.camera.near = ball * 0.01;
    this.camera.far = far * 6 + ball * 10;
    this.camera.position.setFromSphericalCoords(far, polar, azimuth).add(this.controls.target);
    this.camera.updateProjectionMatrix();
    this.controls.update();
    this.invalidate();
  }

  /** What is seen, as PNG; transparent where nothing is. */
  async screenshot(): Promise<Blob> {
    this.draw(); // a canvas keeps its picture only until the browser has shown it
    return new Promise((resolve, reject) =>
      this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"),
    );
  }

  dispose(): void {
    this.show(undefined);
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = -1; // so that nothing is drawn any more
    this.resized.disconnect();
    this.controls.dispose();
    this.scene.environment?.dispose();
    this.measure?.dispose();
    this.timer.dispose();
    this.renderer.dispose();
  }

  private draw(): void {
    this.timer.update();
    // Only while it turns: otherwise `update` would count the time since the last change.
    if (this.turning) this.controls.update(Math.min(this.timer.getDelta(), 0.1));
    this.renderer.render(this.scene, this.camera);
    if (this.turning) this.invalidate();
  }

  /** How far the camera must be so that a ball is in view between the buttons. */
  private distanceOf(ball: number): number {
    const free = Math.max(1 - (2 * CONTROLS) / Math.max(this.canvas.clientHeight, 1), 0.5);
    const field = 2 * Math.atan(Math.tan((FIELD_OF_VIEW * Math.PI) / 360) * free);
    return distance(ball, (field * 180) / Math.PI, this.camera.aspect / free);
  }

  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, SHARPEST));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    // The model stays as large beside the shorter side, as when a phone is turned.
    const unit = this.distanceOf(1);
    this.move({ kind: "zoom", factor: unit / this.unit });
    this.unit = unit;
    this.draw(); // at once: a canvas that was resized is empty
  }
}
