import { useEffect, useRef, useState } from "preact/hooks";

import { Button } from "../ui/Button";
import { HAND_HELD } from "../ui/handheld";
import "./upload.css";

interface PhotoPickerProps {
  multiple?: boolean;
  onFiles: (files: File[]) => void;
}

// What a file dialog offers. A HEIC is offered too, because the answer to it says what to do.
const ACCEPTED = "image/jpeg,image/png,image/webp,image/heic,image/heif,image/avif";

/** Photos by dropping anywhere on the page, pasting, the camera, or a file dialog. */
export function PhotoPicker({ multiple = false, onFiles }: PhotoPickerProps) {
  const files = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const over = useDropsAndPastes((dropped) => take(dropped));

  function take(list: FileList | null | undefined): void {
    const chosen = [...(list ?? [])];
    if (chosen.length) onFiles(multiple ? chosen : chosen.slice(0, 1));
  }

  function chosen(event: { currentTarget: HTMLInputElement }): void {
    take(event.currentTarget.files);
    event.currentTarget.value = ""; // the same file can be chosen again
  }

  const title = HAND_HELD ? ["Your photo", "Your photos"] : ["Drop a photo here", "Drop photos here"];
  return (
    <div class={`picker ${over ? "picker-over" : ""}`}>
      <svg viewBox="0 0 64 64" width="64" height="64" aria-hidden="true" class="picker-icon">
        <path d="M32 6 54 18v28L32 58 10 46V18zM10 18l22 13 22-13M32 31v27" />
      </svg>
      <p class="picker-title">{over ? "Drop to upload" : title[Number(multiple)]}</p>
      <div class="picker-actions">
        <Button kind="primary" onClick={() => files.current?.click()}>
          {multiple ? "Choose photos" : "Choose a photo"}
        </Button>
        {/* Elsewhere `capture` opens the same file dialog as the other button. */}
        {HAND_HELD && <Button onClick={() => camera.current?.click()}>Take a photo</Button>}
      </div>
      <p class="picker-hint">
        {HAND_HELD ? "" : "Or paste one. "}JPEG, PNG or WebP; larger ones are made smaller for you.
      </p>
      <input ref={files} type="file" accept={ACCEPTED} multiple={multiple} hidden onChange={chosen} />
      <input ref={camera} type="file" accept="image/*" capture="environment" hidden onChange={chosen} />
    </div>
  );
}

/** Whether files hover over the page now. */
function useDropsAndPastes(onFiles: (files: FileList) => void): boolean {
  const [over, setOver] = useState(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    document.addEventListener(
      "dragover",
      (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        setOver(true);
      },
      { signal },
    );
    document.addEventListener("dragleave", (event) => event.relatedTarget || setOver(false), { signal });
    document.addEventListener(
      "drop",
      (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) take.current(event.dataTransfer.files);
      },
      { signal },
    );
    document.addEventListener(
      "paste",
      (event) => event.clipboardData?.files.length && take.current(event.clipboardData.files),
      { signal },
    );
    return () => stop.abort();
  }, []);
  return over;
}
