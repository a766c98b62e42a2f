// Types of `model.js`, for the console.

/** The data of a flame graph: `flame.json` of the API. */
export interface FlameData {
  /** What the values are counted in: `nanoseconds`, `bytes`, `count`. */
  unit: string;
  /** Names of the profiles side by side: one, or `before` and `after`. */
  sides: string[];
  /** Every text; others are indices into it. */
  names: string[];
  /** Six numbers a node: parent, function, file, line, module, whether it is inlined. The first is the root. */
  nodes: number[];
  modules: number[];
  threads: number[];
  hunts: number[];
  agents: number[];
  /** Four numbers a cell, node, thread, hunt, agent, and then its own values, one a side. */
  cells: number[];
  palette: string[];
  /** What is not drawn frame by frame; empty when all is. */
  smallest: string;
}

/** A value of each side; of one profile the second is 0. */
export type Pair = [number, number];

/** A frame: a node of the data, or of one thread, hunt or agent. */
export interface FlameNode {
  parent: FlameNode | null;
  /** Its node in the data; 0 for the root and for groups. */
  node: number;
  /** Its thread, hunt or agent; −1 where they are not told apart. */
  group: number;
  own: Pair;
  total: Pair;
  children: FlameNode[];
  depth: number;
}

export interface FlameTree {
  root: FlameNode;
  all: FlameNode[];
  grouping: string | null;
}

/** A function, added up over all frames of it. */
export interface FunctionSum {
  /** A frame of it. */
  node: FlameNode;
  own: Pair;
  total: Pair;
}

export interface FlameModel {
  data: FlameData;
  names: string[];
  isDiff: boolean;
  functionOf(node: FlameNode): string;
  fileOf(node: FlameNode): string;
  lineOf(node: FlameNode): number;
  moduleOf(node: FlameNode): string;
  isInlined(node: FlameNode): boolean;
  isGroup(node: FlameNode): boolean;
  build(grouping: string): FlameTree;
  groupName(kind: string, group: number): string;
  functions(tree: FlameTree): FunctionSum[];
  around(tree: FlameTree, name: string): { callers: FlameTree; callees: FlameTree } | null;
  amount(value: number): string;
}

export function modelOf(data: FlameData): FlameModel;
export function amountIn(unit: string, value: number): string;
export function percent(part: number): string;
export function share(part: number, whole: number): number;
export function plain(text: string): string;
export function brief(text: string): string;
