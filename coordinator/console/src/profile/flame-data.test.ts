import assert from "node:assert/strict";
import { test } from "node:test";
import { modelOf } from "../../../server/src/profiles/views/flame/model.js";
import { Failure } from "../api/failure.ts";
import { flameOf } from "./flame-data.ts";

function sound() {
  return {
    unit: "nanoseconds",
    sides: [""],
    names: ["", "main", "lib"],
    nodes: [0, 0, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0, 1, 1, 0, 0, 0, 1],
    modules: [2],
    threads: [1],
    hunts: [1],
    agents: [1],
    cells: [2, 0, 0, 0, 5],
    palette: ["#f0a847"],
    smallest: "",
  };
}

test("sound data is drawn, an empty profile too", () => {
  assert.ok(flameOf(sound()));
  assert.ok(
    flameOf({
      ...sound(),
      nodes: [0, 0, 0, 0, 0, 0],
      cells: [],
      threads: [],
      hunts: [],
      agents: [],
      modules: [],
    }),
  );
});

test("what cannot be drawn is refused by name", () => {
  const cases: [object | null | string, RegExp][] = [
    [null, /no object/],
    ["<svg/>", /no object/],
    [{ ...sound(), unit: 7 }, /unit/],
    [{ ...sound(), names: [{}] }, /names/],
    [{ ...sound(), nodes: [0, 0, 0, 0, 0, 0, 1, 1, 0, 7, 0, 0] }, /node 1 has no parent/],
    [{ ...sound(), nodes: [0, 0, 0, 0, 0, 0, 0.5, 1, 0, 7, 0, 0] }, /node 1 has no parent/],
    [{ ...sound(), nodes: [0, 0, 0, 0, 0, 0, 0, 9, 0, 7, 0, 0] }, /node 1 has no name/],
    [{ ...sound(), cells: [3, 0, 0, 0, 5] }, /cell 0/],
    [{ ...sound(), cells: [1, 1, 0, 0, 5] }, /cell 0/],
    [{ ...sound(), cells: [1, 0, 0, 0] }, /cut off/],
    [{ ...sound(), palette: ["url(//x)"] }, /colour/],
    [{ ...sound(), sides: ["a", "b", "c"] }, /side/],
    [{ ...sound(), agents: [-1] }, /agents/],
  ];
  for (const [data, why] of cases) {
    assert.throws(
      () => flameOf(data),
      (error) => error instanceof Failure && why.test(error.why),
      JSON.stringify(data),
    );
  }
});

test("a stack of 20,000 frames is built and searched", () => {
  const nodes = [0, 0, 0, 0, 0, 0];
  for (let at = 1; at < 20_000; at++) nodes.push(at - 1, 1, 0, 0, 0, 0);
  const model = modelOf(flameOf({ ...sound(), nodes, cells: [19_999, 0, 0, 0, 5] }));
  assert.equal(model.build("thread").all.length, 20_001);
  assert.equal(model.around(model.build(""), "main")?.callees.root.total[0], 5);
});
