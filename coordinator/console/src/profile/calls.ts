//! The call graph around one function: what calls it and what it calls, added up over all stacks that it is in, in layers.

import type { FlameModel, FlameNode, FlameTree } from "../../../server/src/profiles/views/flame/model.js";

/** Functions that are drawn. */
const BOXES_MAX = 48;
/** Calls that are drawn. */
const EDGES_MAX = 120;
/** Layers on each side of the function. */
const LAYERS_MAX = 6;
/** Smaller parts of the function's total are left out. */
const SMALLEST = 0.005;
/** Passes that put functions near what they call. */
const SWEEPS = 6;

/** A function of the graph. */
export interface Box {
  name: string;
  file: string;
  line: number;
  module: string;
  own: number;
  /** What of the function's total passes through it. */
  total: number;
  /** Negative above the function, positive below. */
  layer: number;
  /** Its place in its layer, from the left. */
  order: number;
  /** A frame of it, for its colour. */
  node: FlameNode;
}

/** Calls from one function to another. */
export interface Edge {
  from: Box;
  to: Box;
  value: number;
}

/** The graph around a function; around the whole program where none is given. */
export interface Calls {
  focus: Box;
  boxes: Box[];
  edges: Edge[];
  /** Callers and callees of the function itself, the most costly first. */
  callers: Edge[];
  callees: Edge[];
  /** How many functions are left out. */
  leftOut: number;
}

/** Builds the graph, with at most `layerMax` functions in a layer. Each sample counts once for each function and each call that it holds, however often it holds them. */
export function callsOf(
  model: FlameModel,
  tree: FlameTree,
  name: string,
  side: number,
  layerMax: number,
): Calls | undefined {
  const title = name || "all";
  const boxes = new Map<string, Box>();
  const edges = new Map<string, Map<string, number>>();
  const focus = boxOf(model, tree.root, title);
  boxes.set(title, focus);
  for (const leaf of tree.all) {
    const value = leaf.own[side] ?? 0;
    if (value > 0) addSample(model, leaf, value, focus, name !== "", boxes, edges);
  }
  if (name && focus.node.node === 0) return undefined;
  const all = [...boxes.values()];
  const kept = choose(all, focus, layerMax);
  const isKept = new Set(kept);
  const list: Edge[] = [];
  for (const [caller, callees] of edges) {
    for (const [callee, value] of callees) {
      const [from, to] = [boxes.get(caller), boxes.get(callee)];
      if (from && to) list.push({ from, to, value });
    }
  }
  list.sort((a, b) => b.value - a.value);
  const drawn = list.filter((edge) => isKept.has(edge.from) && isKept.has(edge.to)).slice(0, EDGES_MAX);
  layer(kept, drawn, focus);
  arrange(kept, drawn);
  return {
    focus,
    boxes: kept,
    edges: drawn,
    callers: list.filter((edge) => edge.to === focus),
    callees: list.filter((edge) => edge.from === focus),
    leftOut: all.length - kept.length,
  };
}

function boxOf(model: FlameModel, node: FlameNode, name: string): Box {
  const isRoot = node.node === 0;
  return {
    name,
    file: isRoot ? "" : model.fileOf(node),
    line: isRoot ? 0 : model.lineOf(node),
    module: isRoot ? "" : model.moduleOf(node),
    own: 0,
    total: 0,
    layer: 0,
    order: 0,
    node,
  };
}

/** Adds one stack, from its innermost frame; without the function that is looked at it adds nothing. */
function addSample(
  model: FlameModel,
  leaf: FlameNode,
  value: number,
  focus: Box,
  isNamed: boolean,
  boxes: Map<string, Box>,
  edges: Map<string, Map<string, number>>,
): void {
  // Innermost first.
  const stack: FlameNode[] = [];
  for (let node: FlameNode | null = leaf; node; node = node.parent)
    if (node.node !== 0 || !isNamed) stack.push(node);
  const names = stack.map((node) => (node.node === 0 ? focus.name : model.functionOf(node)));
  const meets = names.flatMap((one, at) => (one === focus.name ? [at] : []));
  if (meets.length === 0) return;
  const seen = new Set<string>();
  for (const [at, name] of names.entries()) {
    const node = stack[at];
    if (!node) continue;
    let box = boxes.get(name);
    const near = meets.reduce((best, meet) => (Math.abs(meet - at) < Math.abs(best - at) ? meet : best));
    const layer = near - at;
    if (!box) {
      box = boxOf(model, node, name);
      box.layer = layer;
      boxes.set(name, box);
    } else if (box === focus) {
      if (box.node.node === 0 && node.node !== 0)
        Object.assign(box, { ...boxOf(model, node, name), total: box.total, own: box.own });
    } else if (Math.abs(layer) < Math.abs(box.layer)) box.layer = layer;
    if (at === 0) box.own += value;
    if (!seen.has(name)) box.total += value;
    seen.add(name);
    const callee = names[at - 1];
    if (callee === undefined) continue;
    const key = `${name}\u0000${callee}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const callees = edges.get(name) ?? new Map<string, number>();
    callees.set(callee, (callees.get(callee) ?? 0) + value);
    edges.set(name, callees);
  }
}

/** Keeps the most costly functions of each layer. */
function choose(all: Box[], focus: Box, layerMax: number): Box[] {
  const whole = focus.total;
  const large = all
    .filter(
      (box) =>
        box !== focus && Math.abs(box.layer) <= LAYERS_MAX && box.total >= whole * SMALLEST && box.total > 0,
    )
    .sort((a, b) => b.total - a.total);
  const perLayer = new Map<number, number>();
  const kept = [focus];
  for (const box of large) {
    const count = perLayer.get(box.layer) ?? 0;
    if (count >= layerMax || kept.length >= BOXES_MAX) continue;
    perLayer.set(box.layer, count + 1);
    kept.push(box);
  }
  return kept;
}

/**
 * Gives each function its layer: callers above what they call. A call that closes a circle is left out of that, the cheapest first.
 */
function layer(boxes: Box[], edges: Edge[], focus: Box): void {
  const callees = new Map<Box, Box[]>();
  const callers = new Map<Box, Box[]>();
  const reaches = (from: Box, to: Box): boolean => {
    const seen = new Set([from]);
    for (const box of seen) {
      if (box === to) return true;
      for (const next of callees.get(box) ?? []) seen.add(next);
    }
    return false;
  };
  for (const { from, to } of edges) {
    if (from === to || reaches(to, from)) continue;
    callees.set(from, [...(callees.get(from) ?? []), to]);
    callers.set(to, [...(callers.get(to) ?? []), from]);
  }
  const down = longest(focus, callees);
  const up = longest(focus, callers);
  for (const box of boxes) {
    const below = down.get(box);
    const above = up.get(box);
    // What hangs on functions that are not drawn keeps its distance.
    box.layer = below ?? (above === undefined ? box.layer : -above);
  }
}

/** Returns the length of the longest way to each function that can be reached; there are no circles. */
function longest(focus: Box, next: Map<Box, Box[]>): Map<Box, number> {
  const lengths = new Map<Box, number>([[focus, 0]]);
  const queue = [focus];
  for (let box = queue.shift(); box; box = queue.shift()) {
    const length = (lengths.get(box) ?? 0) + 1;
    for (const one of next.get(box) ?? []) {
      if (length <= (lengths.get(one) ?? -1)) continue;
      lengths.set(one, length);
      queue.push(one);
    }
  }
  return lengths;
}

/** Orders the functions of each layer so that calls cross little. */
function arrange(boxes: Box[], edges: Edge[]): void {
  const layers = new Map<number, Box[]>();
  for (const box of boxes) layers.set(box.layer, [...(layers.get(box.layer) ?? []), box]);
  for (const row of layers.values()) number(row);
  const linked = new Map<Box, { box: Box; value: number }[]>();
  for (const { from, to, value } of edges) {
    linked.set(from, [...(linked.get(from) ?? []), { box: to, value }]);
    linked.set(to, [...(linked.get(to) ?? []), { box: from, value }]);
  }
  const outwards = [...layers].sort(([a], [b]) => Math.abs(a) - Math.abs(b));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const [, row] of outwards) {
      const middle = (box: Box) => {
        const near = (linked.get(box) ?? []).filter((one) => Math.abs(one.box.layer - box.layer) === 1);
        const weight = near.reduce((sum, one) => sum + one.value, 0);
        return weight > 0
          ? near.reduce((sum, one) => sum + one.box.order * one.value, 0) / weight
          : box.order;
      };
      const places = new Map(row.map((box) => [box, middle(box)]));
      row.sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0) || b.total - a.total);
      number(row);
    }
  }
}

/** Numbers a layer around 0. */
function number(row: Box[]): void {
  for (const [at, box] of row.entries()) box.order = at - (row.length - 1) / 2;
}
