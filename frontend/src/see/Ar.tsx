import "@google/model-viewer";
import { useEffect, useRef, useState } from "preact/hooks";

import { asRefusal, type Refusal } from "../api/problem";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Notice } from "../ui/Notice";
import { Progress } from "../ui/Progress";
import type { JobFiles } from "./files";

interface ArProps {
  files: JobFiles;
  onClose: () => void;
}

/** The model in the room, through a phone's camera: WebXR, Android's Scene Viewer or Apple's Quick Look. */
export default function Ar({ files, onClose }: ArProps) {
  const place = useRef<HTMLDivElement>(null);
  const [ready, setReady] = useState(false);
  const [problem, setProblem] = useState<Refusal | null>(null);

  useEffect(() => {
    let left = false;
    // Fresh addresses, as Scene Viewer and Quick Look fetch the files by themselves.
    Promise.all([files.url("mesh.glb"), files.has("mesh.usdz") ? files.url("mesh.usdz") : undefined])
      .then(([glb, usdz]) => {
        if (left) return;
        if (place.current) show(modelViewer(glb, usdz), place.current);
        setReady(true);
      })
      .catch((error: unknown) => setProblem(asRefusal(error)));
    return () => {
      left = true;
    };
  }, [files]);

  return (
    <Dialog title="In your room" onClose={onClose}>
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {!ready && !problem && <Progress label="Loading" />}
      <div class="ar" ref={place} />
      <p class="field-hint">
        Touch the cube in the corner and move your phone slowly. Without one, your browser has no augmented
        reality.
      </p>
      <Button kind="primary" onClick={onClose}>
        Close
      </Button>
    </Dialog>
  );
}

function modelViewer(glb: string, usdz: string | undefined): HTMLElement {
  const viewer = document.createElement("model-viewer");
  viewer.setAttribute("src", glb);
  if (usdz) viewer.setAttribute("ios-src", usdz);
  viewer.setAttribute("alt", "The model in 3D");
  viewer.setAttribute("ar", "");
  viewer.setAttribute("ar-modes", "webxr scene-viewer quick-look");
  viewer.setAttribute("camera-controls", "");
  return viewer;
}

/** model-viewer brings its style as an inline element, which the page's policy forbids; a sheet it may have. */
function show(viewer: HTMLElement, place: HTMLElement): void {
  const sheets = [...(viewer.shadowRoot?.querySelectorAll("style") ?? [])].map((style) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style.textContent);
    style.remove();
    return sheet;
  });
  place.replaceChildren(viewer); // which takes away the sheets that it had before
  if (viewer.shadowRoot) viewer.shadowRoot.adoptedStyleSheets = sheets;
}
