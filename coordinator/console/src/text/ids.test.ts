import assert from "node:assert/strict";
import { test } from "node:test";
import { timeOfId } from "./ids.ts";

test("an id of version 7 says when it was made, any other text says nothing", () => {
  assert.equal(timeOfId("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), "2022-02-22T19:22:22.000Z");
  assert.equal(timeOfId("ffffffff-ffff-7fff-bfff-ffffffffffff"), "+010889-08-02T05:31:50.655Z");
  for (const other of [
    "",
    "017f22e2",
    "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
    "x".repeat(1e5),
  ]) {
    assert.equal(timeOfId(other), undefined);
  }
});
