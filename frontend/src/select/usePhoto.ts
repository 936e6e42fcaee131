import { useEffect, useRef, useState } from "preact/hooks";

/** The photo, decoded. A fresh address of the same photo is not fetched again. */
export function usePhoto(url: string | undefined) {
  const [photo, setPhoto] = useState<HTMLImageElement>();
  const [failed, setFailed] = useState(false);
  const begun = useRef(false);
  useEffect(() => {
    if (!url || begun.current) return;
    begun.current = true;
    const image = new Image();
    image.crossOrigin = "anonymous";
    image.src = url;
    image.decode().then(
      () => setPhoto(image),
      () => setFailed(true),
    );
  }, [url]);
  return { photo, failed };
}
