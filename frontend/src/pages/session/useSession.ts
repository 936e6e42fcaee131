import { useEffect, useRef, useState } from "preact/hooks";

import { watch, type News, type Watch } from "./watch";

export interface Watched extends News {
  /** Asks for news at once. */
  refresh: () => void;
}

/** A session and what becomes of it, as long as something is to be expected. */
export function useSession(sessionId: string): Watched {
  const [news, setNews] = useState<News>({});
  const watching = useRef<Watch>(undefined);
  useEffect(() => {
    const begun = watch(sessionId, setNews);
    watching.current = begun;
    return begun.stop;
  }, [sessionId]);
  return { ...news, refresh: () => watching.current?.look() };
}
