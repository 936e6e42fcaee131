import { expect, test } from "vitest";

import { printable } from "../../../src/api/names";

test.each([
  ["  a mug ", "a mug"],
  ["a\u202eb\n", "ab"],
  ["   ", ""],
  ["12345🫖🫖", "12345🫖"],
  ["12345 7", "12345"],
])("%j is given as %j", (name, given) => {
  expect(printable(name, 6)).toBe(given);
});
