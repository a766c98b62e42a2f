import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlameData, modelOf, plain } from "../../../server/src/profiles/views/flame/model.js";
import { callsOf } from "./calls.ts";
import { functionOf, wordOf } from "./selected.ts";

/** Makes data of stacks, outermost first, with their values. */
function dataOf(stacks: [string, number][]): FlameData {
  const names = [""];
  const nodes = [0, 0, 0, 0, 0, 0];
  const cells: number[] = [];
  const known = new Map<string, number>();
  for (const [stack, value] of stacks) {
    let node = 0;
    let way = "";
    for (const name of stack.split(" ")) {
      way += ` ${name}`;
      if (!names.includes(name)) names.push(name);
      const found = known.get(way) ?? nodes.push(node, names.indexOf(name), 0, 0, 0, 0) / 6 - 1;
      known.set(way, found);
      node = found;
    }
    cells.push(node, 0, 0, 0, value);
  }
  const one = [0];
  return {
    unit: "count",
    sides: [""],
    names,
    nodes,
    modules: one,
    threads: one,
    hunts: one,
    agents: one,
    cells,
    palette: [],
    smallest: "",
  };
}

const STACKS: [string, number][] = [
  ["main run hash", 5],
  ["main run read", 3],
  ["main other hash", 2],
  ["main run walk run walk run hash", 4],
];

function around(name: string) {
  const model = modelOf(dataOf(STACKS));
  const calls = callsOf(model, model.build(""), name, 0, 8);
  assert.ok(calls);
  const edges = calls.edges.map((edge) => `${edge.from.name}>${edge.to.name} ${edge.value}`).sort();
  const boxes = Object.fromEntries(calls.boxes.map((box) => [box.name, box]));
  return { calls, edges, boxes };
}

test("each sample counts once for a function and for a call", () => {
  const { calls, edges, boxes } = around("hash");
  assert.equal(calls.focus.total, 11);
  assert.equal(calls.focus.own, 11);
  assert.equal(boxes.run?.total, 9);
  assert.equal(boxes.main?.total, 11);
  assert.equal(boxes.read, undefined);
  assert.deepEqual(edges, [
    "main>other 2",
    "main>run 9",
    "other>hash 2",
    "run>hash 9",
    "run>walk 4",
    "walk>run 4",
  ]);
  assert.deepEqual(
    calls.callers.map((edge) => edge.from.name),
    ["run", "other"],
  );
  assert.deepEqual(calls.callees, []);
});

test("callers are above what they call, also around a circle", () => {
  const { boxes, calls } = around("run");
  assert.equal(boxes.run?.layer, 0);
  assert.ok((boxes.main?.layer ?? 0) < 0);
  assert.ok((boxes.hash?.layer ?? 0) > 0);
  assert.equal(calls.focus.total, 12);
  assert.deepEqual(
    calls.callees.map((edge) => `${edge.to.name} ${edge.value}`),
    ["hash 9", "walk 4", "read 3"],
  );
});

test("without a function the whole program is looked at", () => {
  const { calls, boxes } = around("");
  assert.equal(calls.focus.name, "all");
  assert.equal(calls.focus.total, 14);
  assert.equal(boxes.main?.layer, 1);
  const model = modelOf(dataOf(STACKS));
  assert.equal(callsOf(model, model.build(""), "nowhere", 0, 8), undefined);
});

test("callers and callees of the flame graph add up as the call graph does", () => {
  const model = modelOf(dataOf(STACKS));
  const both = model.around(model.build(""), "run");
  assert.equal(both?.callees.root.total[0], 12);
  assert.equal(both?.callers.root.total[0], 12);
  assert.deepEqual(
    both?.callees.root.children.map((node) => [model.functionOf(node), node.total[0]]),
    [
      ["hash", 5],
      ["walk", 4],
      ["read", 3],
    ],
  );
  const sums = Object.fromEntries(
    model.functions(model.build("")).map((sum) => [model.functionOf(sum.node), [sum.own[0], sum.total[0]]]),
  );
  assert.deepEqual(sums, {
    main: [0, 14],
    run: [0, 12],
    hash: [11, 11],
    read: [3, 3],
    other: [0, 2],
    walk: [0, 4],
  });
});

test("names are shown without their type parameters", () => {
  assert.equal(plain("a::B::<C<D>>::e::<F>"), "a::B::e");
  assert.equal(plain("<a::B<C> as d::E>::f"), "a::B::f");
  assert.equal(plain("core::ptr::drop_in_place::<fn() -> T>"), "core::ptr::drop_in_place");
  assert.equal(plain("<"), "<");
});

test("a function of a long name is found again", () => {
  const long = `a::${"b".repeat(100_000)}`;
  assert.equal(wordOf("a::b"), "a::b");
  assert.ok(wordOf(long).length < 40);
  assert.equal(functionOf(wordOf(long), ["x", long]), long);
  assert.equal(functionOf(wordOf(long), ["x"]), "");
});
