import { expect, test } from "vitest";

import type { JobView, SessionView } from "../../../src/api/types";
import { steady } from "../../../src/pages/session/steady";

const photo = (url: string) =>
  ({ width: 4, height: 3, format: "jpeg", bytes: 9, url, thumbnail_url: `${url}-small` }) as const;

function job(url: string, ...files: string[]): JobView {
  return {
    job_id: "job_1",
    session_id: "ses_1",
    state: "completed",
    created_at: "",
    options: { quality: "fast", formats: ["glb"], texture: null, seed: 1 },
    files: Object.fromEntries(files.map((name) => [name, { url: `${url}/${name}`, bytes: 1 }])),
    stages: {},
    events: {},
  };
}

function session(url: string, ...files: string[]): SessionView {
  const jobs = [job(url, ...files)];
  return {
    session_id: "ses_1",
    state: "ready",
    created_at: "",
    photo: photo(url),
    jobs,
    stages: {},
    events: {},
  };
}

test("the first news is taken as it is", () => {
  const fresh = session("a");
  expect(steady(undefined, fresh)).toBe(fresh);
});

test("known files keep their addresses, new ones come with theirs", () => {
  const seen = steady(session("a", "mask.png"), { ...session("b", "mask.png", "mesh.glb"), name: "new" });
  expect(seen.name).toBe("new");
  expect(seen.photo?.url).toBe("a");
  expect(seen.jobs[0]?.files["mask.png"]?.url).toBe("a/mask.png");
  expect(seen.jobs[0]?.files["mesh.glb"]?.url).toBe("b/mesh.glb");
});

test("a job that is new is taken as it is", () => {
  const before = { ...session("a"), jobs: [] };
  expect(steady(before, session("b", "mesh.glb")).jobs[0]?.files["mesh.glb"]?.url).toBe("b/mesh.glb");
});
