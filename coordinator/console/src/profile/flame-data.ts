//! Checks the data of a flame graph before it is drawn: what a coordinator sends may be anything.

import type { FlameData } from "../../../server/src/profiles/views/flame/model.js";
import { Failure } from "../api/failure.ts";
import { isPlain } from "../api/json.ts";

/** Numbers of a node, and of a cell before its values. */
const NODE = 6;
const CELL = 4;
/** More than these are never sent. */
const NODES_MAX = 100_000;
const CELLS_MAX = 1_000_000;

const TEXTS = ["sides", "names", "palette"] as const;
const RANKS = ["modules", "threads", "hunts", "agents"] as const;

/** Returns the data, or says what is wrong with it. */
export function flameOf(value: unknown): FlameData {
  const why = wrong(value);
  if (why) {
    const next = "muster and the coordinator may be of different versions";
    throw new Failure("the flame graph cannot be drawn", why, next, 0);
  }
  return value as FlameData;
}

function wrong(value: unknown): string {
  if (!isPlain(value)) return "it is no object";
  if (typeof value.unit !== "string" || typeof value.smallest !== "string") return "its unit is not said";
  for (const name of TEXTS) if (!isListOf(value[name], "string")) return `${name} are no texts`;
  for (const name of [...RANKS, "nodes", "cells"]) {
    if (!isListOf(value[name], "number")) return `${name} are no numbers`;
  }
  const data = value as unknown as FlameData;
  const size = CELL + data.sides.length;
  if (data.sides.length < 1 || data.sides.length > 2) return "it has neither one side nor two";
  if (data.nodes.length % NODE || data.cells.length % size) return "a node or a cell is cut off";
  if (data.nodes.length / NODE > NODES_MAX || data.cells.length / size > CELLS_MAX) return "it is too large";
  if (!data.palette.every((colour) => /^#[0-9a-f]{6}$/.test(colour))) return "a colour is none";
  const isName = (at: number) => Number.isInteger(at) && at >= 0 && at < data.names.length;
  for (const name of RANKS) if (!data[name].every(isName)) return `${name} have no names`;
  return wrongNode(data, isName) || wrongCell(data, size);
}

function isListOf(value: unknown, type: string): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === type);
}

/** A node comes after its parent, so that there are no circles. */
function wrongNode({ nodes }: FlameData, isName: (at: number) => boolean): string {
  for (let at = NODE; at < nodes.length; at += NODE) {
    const parent = nodes[at] ?? -1;
    if (!Number.isInteger(parent) || parent < 0 || parent >= at / NODE)
      return `node ${at / NODE} has no parent`;
    if (!isName(nodes[at + 1] ?? -1) || !isName(nodes[at + 2] ?? -1)) return `node ${at / NODE} has no name`;
  }
  return "";
}

function wrongCell({ nodes, cells, threads, hunts, agents }: FlameData, size: number): string {
  const counts = [nodes.length / NODE, threads.length, hunts.length, agents.length];
  for (let at = 0; at < cells.length; at++) {
    const count = counts[at % size];
    const number = cells[at] ?? -1;
    // A rank of nothing is 0 where there is no sample.
    const isIndex = Number.isInteger(number) && number >= 0 && number < Math.max(1, count ?? 0);
    if (count === undefined ? !Number.isFinite(number) : !isIndex)
      return `cell ${Math.floor(at / size)} is of nothing`;
  }
  return "";
}
