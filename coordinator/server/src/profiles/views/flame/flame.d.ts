// Types of `flame.js`, for the console.
import type { FlameData, FlameModel, FlameNode, FlameTree } from "./model.js";

/** What a flame graph shows. */
export interface FlameState {
  /** `module`, `thread`, `hunt`, `agent`, `own time`, or `change` of two profiles. */
  colour: string;
  /** Whose values are widths. */
  side: number;
  zoom: FlameNode | null;
  search: string;
  /** The function whose frames are outlined. */
  selected: string;
  /** The function whose callers and callees are drawn instead of all stacks; empty for none. */
  around: string;
}

export interface FlameGraph {
  model: FlameModel;
  state: FlameState;
  /** Draws; returns where the picture ends. */
  draw(): number;
  set(change: Partial<FlameState>): void;
  /** Takes a new width, and measures the font. */
  fit(width: number): void;
  legend(): { text: string; fill: string; part: number }[];
  hide(): void;
  /** Moves the keyboard's mark; returns whether the key was one of its own. */
  key(event: { key: string }): boolean;
  tree(): FlameTree;
  /** The sum of what matches the search. */
  sum(): number;
  wordOf(node: FlameNode | null): string;
  nodeOf(word: string): FlameNode | null;
}

export interface FlameOptions {
  margin: number;
  top: number;
  width: number;
  /** Called after a frame was picked; draws. */
  changed(state: FlameState): void;
  /** Called with what the keyboard has reached. */
  told?(text: string): void;
  /** Makes text of endpoints safe to look at. */
  escape?(text: string): string;
}

export function flame(svg: SVGSVGElement, data: FlameData, options: FlameOptions): FlameGraph;
