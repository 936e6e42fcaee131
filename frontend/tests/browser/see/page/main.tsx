// The page of step 5 alone, on files that the meshing service has made.
import { render } from "preact";

import "../../../../src/ui/tokens.css";
import "../../../../src/ui/base.css";
import type { JobView, SessionView } from "../../../../src/api/types";
import Ar from "../../../../src/see/Ar";
import { JobFiles } from "../../../../src/see/files";
import { See } from "../../../../src/see/See";
import "./page.css";

const { session, job } = (await (await fetch("/made/views.json")).json()) as {
  session: SessionView;
  job: JobView;
};
const root = document.getElementById("app");
const leave = () => undefined;
// Augmented reality is offered on phones only; here it can be looked at on its own.
const shown =
  location.search === "?ar" ? (
    <Ar files={new JobFiles(job.files, () => Promise.resolve(job.files))} onClose={leave} />
  ) : (
    <See session={session} job={job} onRetry={leave} />
  );
if (root) render(shown, root);
