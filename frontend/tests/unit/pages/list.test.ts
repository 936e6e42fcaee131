import { beforeEach, expect, test, vi } from "vitest";

import type { JobState, JobView, SessionList, SessionState, SessionView } from "../../../src/api/types";

const listSessions = vi.fn<(query: { cursor?: string }) => Promise<SessionList>>();
vi.mock("../../../src/api/client", () => ({ api: { listSessions } }));
const { isBusy, listed, longer, steadyList } = await import("../../../src/pages/history/list");

function session(id: string, state: SessionState = "ready", ...jobs: JobState[]): SessionView {
  return {
    session_id: id,
    state,
    created_at: "",
    jobs: jobs.map((it, number) => ({ job_id: `job_${number}`, state: it, files: {} }) as JobView),
    stages: {},
    events: {},
  };
}

/** The API's pages of two. */
beforeEach(() => {
  const all = ["a", "b", "c", "d", "e"].map((id) => session(id));
  listSessions.mockReset().mockImplementation(({ cursor }) => {
    const start = Number(cursor ?? 0);
    const more = start + 2 < all.length;
    return Promise.resolve({
      sessions: all.slice(start, start + 2),
      ...(more && { cursor: String(start + 2) }),
    });
  });
});

const ids = (list: SessionList) => list.sessions.map((it) => it.session_id).join("");

test("a list grows by a page, and is as long when it is loaded again", async () => {
  const first = await listed(false);
  expect(ids(first)).toBe("ab");
  const second = await longer(first, false);
  expect(ids(second)).toBe("abcd");
  const again = await listed(false, second.sessions.length);
  expect(again).toEqual(second);
});

test("a list that has become shorter ends", async () => {
  const list = await listed(false, 9);
  expect(ids(list)).toBe("abcde");
  expect(list.cursor).toBeUndefined();
});

test("a picture that is shown keeps its address, news come in", () => {
  const photo = { width: 4, height: 3, format: "jpeg", bytes: 9, url: "p", thumbnail_url: "old" } as const;
  const known = { sessions: [{ ...session("b", "preparing"), photo }, session("gone")] };
  const fresh = {
    sessions: [session("a"), { ...session("b"), photo: { ...photo, thumbnail_url: "new" } }],
    cursor: "2",
  };
  const list = steadyList(known, fresh);
  expect(ids(list)).toBe("ab");
  expect(list.cursor).toBe("2");
  expect(list.sessions[1]).toMatchObject({ state: "ready", photo: { thumbnail_url: "old" } });
});

test.each([
  [session("a", "preparing"), true],
  [session("a", "ready", "completed", "meshing"), true],
  [session("a", "ready", "completed", "failed"), false],
  [session("a", "awaiting_photo"), false], // may have been given up long ago
])("%o is under way: %s", (it, busy) => {
  expect(isBusy(it)).toBe(busy);
});
