import { useEffect, useRef } from "preact/hooks";

import { api } from "../api/client";
import type { SessionView } from "../api/types";
import type { SelectedObject } from "../app/contracts";
import { notice } from "../app/errors";
import { paint, SIDE } from "./cut-out";

/** The object cut out of the photo, small. */
export function MaskPicture({ object, session }: { object: SelectedObject; session: SessionView }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new Image();
    image.crossOrigin = "anonymous";
    image.onload = () => canvas.current && paint(canvas.current, object, image);
    const show = ({ photo }: SessionView) => photo && (image.src = photo.thumbnail_url);
    // Addresses live an hour, and marking may have taken longer.
    image.onerror = () => {
      image.onerror = null;
      api.session(session.session_id).then(show, notice);
    };
    show(session);
  }, [object, session.photo?.thumbnail_url]);
  return <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={`${object.name}, cut out`} />;
}
