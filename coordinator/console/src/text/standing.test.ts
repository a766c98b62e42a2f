import assert from "node:assert/strict";
import { test } from "node:test";
import type { HuntBrief } from "../api/types.ts";
import { standing } from "./standing.ts";

const NONE = Object.fromEntries(
  "silent seen queued running paused finishing finished failed cancelled declined expired incomplete"
    .split(" ")
    .map((state) => [state, 0]),
);

function hunt(states: Record<string, number>, more: Partial<HuntBrief> = {}) {
  const all = { ...NONE, ...states } as unknown as HuntBrief["states"];
  return { done: true, cancelled: false, published: true, states: all, ...more };
}

test("a hunt that is over says what became of the agents that did not finish", () => {
  assert.deepEqual(standing(hunt({ finished: 2 })), { of: "finished" });
  const failed = standing(hunt({ finished: 2, failed: 1200, expired: 1 }));
  assert.deepEqual(failed, { of: "failed", says: "ended: 1,200 failed, 1 expired" });
  const cancelled = standing(hunt({ finished: 1, cancelled: 2, failed: 1 }, { cancelled: true }));
  assert.deepEqual(cancelled, { of: "cancelled", says: "ended: 1 failed, 2 cancelled" });
});

test("a state of a later coordinator is named as it is", () => {
  assert.equal(standing(hunt({ finished: 1, resting: 3 })).says, "ended: 3 resting");
});

test("nothing is said of the end before it", () => {
  assert.deepEqual(standing(hunt({ failed: 1, running: 1 }, { done: false })), { of: "running" });
  assert.deepEqual(standing(hunt({ silent: 1 }, { done: false, published: false })), { of: "queued" });
  assert.deepEqual(standing(hunt({ finished: 1 }, { done: false, cancelled: true })), { of: "cancelled" });
  assert.deepEqual(standing(hunt({ running: 1 }, { done: false, hold: "pause" })), { of: "paused" });
  const drained = standing(hunt({ running: 1 }, { done: false, hold: "drain" }));
  assert.deepEqual(drained, { of: "paused", says: "draining" });
});
