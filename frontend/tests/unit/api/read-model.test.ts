import { expect, test } from "vitest";
import type { Gen3dEvent, Problem, Row } from "../../../../events/events";
import vectors from "../../../../events/vectors/state.json";
import { attribute, fold, jobState, problem, sessionState } from "../../../src/api/read-model";

type Told = Pick<Gen3dEvent, "detail-type" | "detail">;
interface Story {
  story: string;
  events: string[];
  state: string;
  problem: Problem | null;
}

const told = (name: string): Told =>
  ({ "detail-type": name, detail: vectors.events[name as keyof typeof vectors.events] }) as Told;

function rowOf(names: string[]): Row {
  return names.map(told).reduce<Row>(fold, {});
}

test.each(Object.entries(vectors.attributes))("%s owns the attribute %s", (name, owned) => {
  expect(attribute(told(name))).toBe(owned);
});

test("events fold to the row of the vectors", () => {
  expect(rowOf(vectors.fold.events)).toEqual(vectors.fold.row);
});

const shuffled = (names: string[]) => [names, names.toReversed(), [...names, ...names]];

test.each(vectors.session as Story[])("a session: $story", ({ events, state, problem: expected }) => {
  for (const order of shuffled(events)) {
    expect(sessionState(rowOf(order))).toBe(state);
    expect(problem(rowOf(order))).toEqual(expected);
  }
});

test.each(vectors.job as Story[])("a job: $story", ({ events, state, problem: expected }) => {
  for (const order of shuffled(events)) {
    expect(jobState(rowOf(order))).toBe(state);
    expect(problem(rowOf(order))).toEqual(expected);
  }
});

test("of two rejections the last counts, of two results the first", () => {
  const one = told("Mask Rejected");
  const later = structuredClone(one);
  later.detail.metadata.event_id = `9${one.detail.metadata.event_id.slice(1)}`;
  for (const order of [
    [one, later],
    [later, one],
  ])
    expect(order.reduce<Row>(fold, {}).mask_rejected?.event_id).toBe(later.detail.metadata.event_id);
  const last = structuredClone(one);
  last.detail.metadata.occurred_at = "2099-01-01T00:00:00Z";
  for (const order of [
    [later, last],
    [last, later],
  ])
    expect(order.reduce<Row>(fold, {}).mask_rejected?.event_id).toBe(one.detail.metadata.event_id);
  const done = told("Mesh Completed");
  const again = structuredClone(done);
  again.detail.metadata.event_id = later.detail.metadata.event_id;
  for (const order of [
    [done, again],
    [again, done],
  ])
    expect(order.reduce<Row>(fold, {}).mesh_completed?.event_id).toBe(done.detail.metadata.event_id);
});
