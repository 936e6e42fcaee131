import { render } from "preact";

import "./ui/tokens.css";
import "./ui/base.css";
import { App } from "./app/App";
import { watchErrors } from "./app/errors";
import { followLinks } from "./app/router";

watchErrors();
followLinks();
const root = document.getElementById("app");
if (root) render(<App />, root);
