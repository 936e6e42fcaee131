import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { JobOptions, JobView, NewJob } from "../../../src/api/types";
import { stubS3 } from "../s3";

vi.mock("../../../src/auth/session", () => ({ idToken: async () => "token" }));
const { Start } = await import("../../../src/make/start");

const HIGH: JobOptions = { quality: "high", formats: ["glb"], texture: 1024, seed: 42 };
const FAST: JobOptions = { ...HIGH, quality: "fast" };
const FORM = { url: "https://s3/", fields: {} };
const object = {
  id: "1",
  name: "Bottle",
  colour: "red",
  mask: Uint8Array.of(0, 1),
  png: new Blob(["mask"]),
  width: 2,
  height: 1,
  clicks: 1,
  refinements: 0,
};

/** The API: a job for each key. */
const jobs = new Map<string, { id: string; options: JobOptions }>();
let arrived = false; // the mask of a job that is asked for
let masks: number[] = []; // S3's next answers; 0: none comes

beforeEach(() => {
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("fetch", (_: string, init: RequestInit) => {
    const key = new Headers(init.headers).get("Idempotency-Key");
    if (!key) return Promise.resolve(Response.json(arrived ? {} : { upload: FORM }));
    const { options } = JSON.parse(String(init.body)) as NewJob & { options: JobOptions };
    const job = jobs.get(key) ?? { id: `job_${jobs.size + 1}`, options };
    jobs.set(key, job);
    return Promise.resolve(Response.json({ job_id: job.id, upload: FORM }));
  });
  stubS3(() => ({ status: masks.shift() ?? 204 }));
});

afterEach(() => {
  vi.unstubAllGlobals();
  jobs.clear();
  masks = [];
  arrived = false;
});

test("a mask that was lost is sent again for the same job", async () => {
  masks = [0];
  const start = new Start("ses_1", object);
  await expect(start.send(HIGH, () => undefined)).rejects.toMatchObject({ code: "network" });
  expect(await start.send({ ...HIGH }, () => undefined)).toBe("job_1");
  expect(jobs.size).toBe(1);
});

test("with other options it is another job", async () => {
  masks = [503];
  const start = new Start("ses_1", object);
  await expect(start.send(HIGH, () => undefined)).rejects.toMatchObject({ code: "service_unavailable" });
  expect(await start.send(FAST, () => undefined)).toBe("job_2");
  expect([...jobs.values()].map(({ options }) => options)).toEqual([HIGH, FAST]);
});

describe("a job whose mask was lost", () => {
  const lost = (changes: Partial<JobView> = {}): JobView => ({
    job_id: "job_lost",
    session_id: "ses_1",
    state: "awaiting_mask",
    created_at: "2026-11-20T12:00:00Z",
    name: object.name,
    options: HIGH,
    files: {},
    stages: {},
    events: {},
    ...changes,
  });
  const send = (vacant: JobView[]) => new Start("ses_1", object, vacant).send(HIGH, () => undefined);

  test("gets the mask of that name and of those options, once", async () => {
    const vacant = [lost({ job_id: "job_other", name: "Cup" }), lost()];
    expect(await send(vacant)).toBe("job_lost");
    expect(await send(vacant)).toBe("job_1");
    expect(vacant.map(({ name }) => name)).toEqual(["Cup"]);
  });

  test("gets it again where it was lost once more", async () => {
    masks = [0];
    const start = new Start("ses_1", object, [lost()]);
    await expect(start.send(HIGH, () => undefined)).rejects.toMatchObject({ code: "network" });
    expect(await start.send(HIGH, () => undefined)).toBe("job_lost");
    expect(jobs.size).toBe(0);
  });

  test("does not get it with other options, nor where its mask has arrived after all", async () => {
    expect(await send([lost({ options: FAST })])).toBe("job_1");
    arrived = true;
    expect(await send([lost()])).toBe("job_2");
  });
});
