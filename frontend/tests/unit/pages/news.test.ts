import { describe, expect, test } from "vitest";

import vectors from "../../../../events/vectors/state.json";
import { fold, jobState, sessionState } from "../../../src/api/read-model";
import type { Happening, JobView, Row, SessionView } from "../../../src/api/types";
import { expects, isBehind, withHeard } from "../../../src/pages/session/news";

const told = (name: string): Happening =>
  ({ "detail-type": name, detail: vectors.events[name as keyof typeof vectors.events] }) as Happening;
const rowOf = (names: string[]): Row => names.map(told).reduce<Row>(fold, {});
const PHOTO = { width: 4, height: 3, format: "jpeg", bytes: 9, url: "p", thumbnail_url: "t" } as const;
const JOB = told("Mesh Completed").detail.metadata.job_id!;
const PREPARED = ["Image Uploaded", "Embedding Completed"];
const STORY = ["Reconstruction Requested", "Reconstruction Started", "Reconstruction Completed"];

/** What the API answers after these events. */
function answer(ofSession: string[], ofJob?: string[]): SessionView {
  const events = rowOf(ofSession);
  return {
    session_id: "ses_1",
    state: sessionState(events),
    created_at: "",
    ...(events.image_uploaded && { photo: PHOTO }),
    jobs: ofJob ? [job(rowOf(ofJob))] : [],
    stages: {},
    events,
  };
}

function job(events: Row): JobView {
  return {
    job_id: JOB,
    session_id: "ses_1",
    state: jobState(events),
    created_at: "",
    options: { quality: "fast", formats: ["glb"], texture: null, seed: 1 },
    files: {},
    stages: {},
    events,
  };
}

describe("what was heard", () => {
  test("makes the same of an old answer as a new answer says", () => {
    for (let seen = 0; seen <= STORY.length; seen++) {
      const now = withHeard(answer(PREPARED, STORY.slice(0, seen)), STORY.map(told));
      expect(now).toEqual(answer(PREPARED, STORY));
    }
  });

  test("may come in any order, and twice", () => {
    const events = [...STORY, ...STORY].toReversed().map(told);
    expect(withHeard(answer(PREPARED, []), events)).toEqual(answer(PREPARED, STORY));
  });

  test("shows a problem, and takes away one that is mended", () => {
    const refused = withHeard(answer([], []), [told("Image Rejected")]);
    expect(refused.problem?.code).toBe(told("Image Rejected").detail.data["code" as never]);
    expect(withHeard(refused, [told("Image Uploaded")]).problem).toBeUndefined();
    const failed = withHeard(answer(PREPARED, STORY.slice(0, 2)), [told("Reconstruction Failed")]);
    expect(failed.jobs[0]).toMatchObject({ state: "failed", problem: { error_class: expect.anything() } });
    expect(expects(failed)).toBeUndefined();
  });

  test("of a job that is not known yet changes nothing, but the answer is behind", () => {
    const before = answer(PREPARED);
    const heard = [told("Reconstruction Requested")];
    expect(withHeard(before, heard)).toEqual(before);
    expect(isBehind(before, heard)).toBe(true);
    expect(isBehind(answer(PREPARED, []), heard)).toBe(false);
  });
});

describe("files have their addresses from the API alone, so", () => {
  test("a model is there when the API says so", () => {
    const heard = [told("Mesh Completed")];
    const now = withHeard(answer(PREPARED, STORY), heard);
    expect(now.jobs[0]?.state).toBe("meshing");
    expect(jobState(now.jobs[0]!.events)).toBe("completed");
    expect(isBehind(now, heard)).toBe(true);
    const asked = withHeard(answer(PREPARED, [...STORY, "Mesh Completed"]), heard);
    expect(asked.jobs[0]?.state).toBe("completed");
    expect(isBehind(asked, heard)).toBe(false);
  });

  test("a photo is there, and ready, when the API says so", () => {
    const accepted = withHeard(answer([]), [told("Image Uploaded")]);
    expect(accepted.state).toBe("preparing");
    expect(isBehind(accepted, [])).toBe(true);
    const prepared = withHeard(answer(["Image Uploaded"]), PREPARED.map(told));
    expect(prepared.state).toBe("preparing");
    expect(isBehind(prepared, [])).toBe(true);
    expect(isBehind(answer(PREPARED), [])).toBe(false);
  });
});

test.each([
  [[], undefined, "soon"],
  [["Image Uploaded"], undefined, "soon"],
  [PREPARED, undefined, undefined],
  [PREPARED, [], "soon"],
  [PREPARED, STORY, "soon"],
  [PREPARED, [...STORY, "Mesh Completed"], undefined],
  [PREPARED, [...STORY, "Meshing Failed"], undefined],
  [PREPARED, [...STORY, "Job Timed Out"], "late"],
])("after %j and %j news is expected: %s", (ofSession, ofJob, expected) => {
  expect(expects(answer(ofSession, ofJob))).toBe(expected);
});
