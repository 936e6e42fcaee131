import type { ComponentChildren } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/**
 * Renders what it holds only after it has been there for `after` ms. Hidden by a style until then, what moves in it
 * would have the page make a frame of nothing every 16 ms.
 */
export function Late({ after, children }: { after: number; children: ComponentChildren }) {
  const [late, setLate] = useState(false);
  useLayoutEffect(() => {
    const timer = setTimeout(setLate, after, true);
    return () => clearTimeout(timer);
  }, [after]);
  return <>{late && children}</>;
}
