import { describe, expect, test, vi } from "vitest";

const SESSION = "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const JOB = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV";

vi.stubGlobal("location", { pathname: "/" });
const { parse, paths } = await import("../../../src/app/router");

describe("an address", () => {
  test.each([
    ["/", { page: "new" }],
    ["/sessions", { page: "history" }],
    ["/sessions/", { page: "history" }],
    ["/sign-in", { page: "sign-in" }],
    [`/sessions/${SESSION}`, { page: "session", sessionId: SESSION }],
    [`/sessions/${SESSION}/jobs/${JOB}`, { page: "session", sessionId: SESSION, jobId: JOB }],
    [`/sessions/${SESSION}/make`, { page: "session", sessionId: SESSION, making: true }],
    ["/sessions/ses_1", { page: "missing" }],
    [`/sessions/${SESSION}/jobs/`, { page: "missing" }],
    ["/elsewhere", { page: "missing" }],
  ])("%s is its page", (path, page) => {
    expect(parse(path)).toEqual(page);
  });

  test("of a job leads back to it", () => {
    expect(parse(paths.job(SESSION, JOB))).toMatchObject({ sessionId: SESSION, jobId: JOB });
  });

  test("of the making leads back to it, of what was marked and of a job again", () => {
    expect(parse(paths.make(SESSION))).toEqual({ page: "session", sessionId: SESSION, making: true });
    expect(parse(paths.make(SESSION, JOB))).toEqual({
      page: "session",
      sessionId: SESSION,
      jobId: JOB,
      making: true,
    });
  });
});
