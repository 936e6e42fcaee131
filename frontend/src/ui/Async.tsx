import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { online, pause } from "../api/online";
import { Button } from "./Button";
import { Notice } from "./Notice";
import { Progress } from "./Progress";

const RETRY_MS = 3_000;

/** A component whose code is fetched when it is first shown; again and again, if the network is lost just then. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [Part, setPart] = useState(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      const gone = new AbortController();
      void (async () => {
        while (!loaded && !gone.signal.aborted) {
          try {
            loaded = await load();
          } catch {
            setFailed(true);
            await pause(RETRY_MS, gone.signal);
            await online();
          }
        }
        setPart(() => loaded);
      })();
      return () => gone.abort();
    }, []);
    if (Part) return <Part {...props} />;
    if (!failed) return <Progress label="Loading" />;
    return (
      <Notice
        kind="bad"
        title="A part of the page could not be loaded."
        hint="Check your connection. It is tried again by itself."
      >
        <Button onClick={() => location.reload()}>Reload the page</Button>
      </Notice>
    );
  };
}
