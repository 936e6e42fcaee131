// The page of step 5 alone, on files that the meshing service has made.
import { render } from "preact";

import "../../../../src/ui/tokens.css";
import "../../../../src/ui/base.css";
import type { JobView, SessionView } from "../../../../src/api/types";
import { See } from "../../../../src/see/See";
import "./page.css";

const { session, job } = (await (await fetch("/made/views.json")).json()) as {
  session: SessionView;
  job: JobView;
};
const root = document.getElementById("app");
if (root) render(<See session={session} job={job} onRetry={() => undefined} />, root);
