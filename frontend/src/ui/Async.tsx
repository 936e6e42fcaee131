import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Button } from "./Button";
import { Notice } from "./Notice";
import { Progress } from "./Progress";

/** A component whose code is fetched when it is first shown. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [Part, setPart] = useState(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Part) return;
      load().then(
        (it) => setPart(() => (loaded = it)),
        () => setFailed(true),
      );
    }, []);
    if (Part) return <Part {...props} />;
    if (!failed) return <Progress label="Loading" />;
    return (
      <Notice kind="bad" title="A part of the page could not be loaded." hint="Check your connection.">
        <Button onClick={() => location.reload()}>Reload the page</Button>
      </Notice>
    );
  };
}
