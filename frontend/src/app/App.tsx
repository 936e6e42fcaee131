import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { asRefusal, type Refusal } from "../api/problem";
import { person, start } from "../auth/session";
import { SignIn } from "../pages/sign-in/SignIn";
import { lazy } from "../ui/Async";
import { Button } from "../ui/Button";
import { EmptyState } from "../ui/EmptyState";
import { Notice } from "../ui/Notice";
import { Toasts } from "../ui/Toast";
import { ErrorReport } from "./ErrorReport";
import { paths, route } from "./router";
import { Shell } from "./Shell";

const New = lazy(() => import("../pages/new/New").then((it) => it.New));
const History = lazy(() => import("../pages/history/History").then((it) => it.History));
const Session = lazy(() => import("../pages/session/Session").then((it) => it.Session));

export function App() {
  const failed = useSignal<Refusal | null>(null);
  const connect = () => {
    failed.value = null;
    start().catch((error: unknown) => (failed.value = asRefusal(error)));
  };
  useEffect(connect, []);
  return (
    <>
      <Shell>
        {failed.value ? (
          <Notice
            kind="bad"
            title="Gen3D could not be reached."
            hint="Check your connection, then try again."
          >
            <Button onClick={connect}>Try again</Button>
          </Notice>
        ) : (
          <Page />
        )}
        <ErrorReport />
      </Shell>
      <Toasts />
    </>
  );
}

function Page() {
  const at = route.value;
  if (person.value === undefined) return null;
  if (person.value === null) return <SignIn />;
  switch (at.page) {
    case "new":
    case "sign-in":
      return <New />;
    case "history":
      return <History />;
    case "session": {
      const { page: _, ...which } = at;
      return <Session key={at.sessionId} {...which} />;
    }
    case "missing":
      return (
        <EmptyState heading="h1" title="There is nothing at this address.">
          <a class="button" href={paths.new}>
            To the start
          </a>
        </EmptyState>
      );
  }
}
