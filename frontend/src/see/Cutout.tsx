import type { PhotoView } from "../api/types";

interface CutoutProps {
  photo: PhotoView;
  /** Address of the mask; absent where there is none. */
  mask: string | undefined;
}

/** The photo, with what is not the object dimmed. */
export function Cutout({ photo, mask }: CutoutProps) {
  const size = { width: photo.width, height: photo.height };
  return (
    <figure class="cutout">
      <img
        {...size}
        class={mask && "cutout-around"}
        src={photo.url}
        alt="Your photo"
        crossOrigin="anonymous"
      />
      {mask && (
        <img
          {...size}
          class="cutout-object"
          src={photo.url}
          alt=""
          crossOrigin="anonymous"
          style={{ maskImage: `url(${JSON.stringify(mask)})` }}
        />
      )}
    </figure>
  );
}
