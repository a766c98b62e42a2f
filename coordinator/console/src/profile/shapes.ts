//! Shapes of the views of profiles: `coordinator/api/src/views` and the documents of `muster_profiler`.

/** What was spent on one thing: a sample is in one part only. */
export interface Share {
  part: "work" | "module" | "crate" | "syscall" | "file";
  name: string;
  value: number;
  percent: number;
}

/** One row of `top`: what it is, and its cost. */
export interface TopRow {
  function?: string;
  file?: string;
  module?: string;
  thread?: string;
  hunt?: string;
  agent?: string;
  line: number | null;
  flat: number;
  cum: number;
  flat_percent: number;
  cum_percent: number;
}

/** `top`: the rows stand under the name of what they are. */
export interface Top {
  type: string;
  unit: string;
  total: number;
  total_samples: number | null;
  summary?: Share[];
  collections: { collection: string; value: number; percent: number }[];
  nameless: { module: string; build_id: string; percent: number }[];
  functions?: TopRow[];
  lines?: TopRow[];
  files?: TopRow[];
  modules?: TopRow[];
  threads?: TopRow[];
  hunts?: TopRow[];
  agents?: TopRow[];
}

/** One call of `tree`. */
export interface TreeRow {
  /** 1 for a function at the root of a stack. */
  depth: number;
  function: string;
  file: string;
  line: number | null;
  inlined: boolean;
  flat: number;
  cum: number;
  flat_percent: number;
  cum_percent: number;
}

/** `tree`: each row above its children. */
export interface Tree {
  type: string;
  unit: string;
  total: number;
  left_out: number;
  rows: TreeRow[];
}

/** `lines`: what source lines cost. */
export interface Lines {
  type: string;
  unit: string;
  total: number;
  lines: { file: string; line: number; flat: number; cum: number }[];
}

/** One function of `diff`: shares in percent, deltas in percentage points. */
export interface Change {
  function: string;
  file: string;
  flat_before: number;
  flat_after: number;
  flat_delta: number;
  cum_before: number;
  cum_after: number;
  cum_delta: number;
}

/** `diff`: the largest change first. */
export interface Diff {
  type: string;
  unit: string;
  before_total: number;
  after_total: number;
  rows: Change[];
}

/** A thread of the kind `tasks`. */
export interface Thread {
  tid: number;
  name: string;
  state: string;
  syscall: string;
  wchan: string;
  stack: string[];
  cpu_ms: number;
}

/** A task of the async runtime. */
export interface Task {
  name: string;
  age_ms: number;
  polls: number;
  busy_ms: number;
  idle_ms: number | null;
}

/** A collection in flight. */
export interface InFlight {
  request: string;
  state: string;
  age_ms: number;
  seen: number;
  hashed: number;
  bytes: number;
  cpu_ms: number;
  throttled_ms: number;
  path: string;
}

/** The kind `tasks`: at the beginning of the window, and at its end. */
export interface Tasks {
  moments: {
    at: number;
    threads: Thread[];
    threads_left_out: number;
    tasks: Task[];
    collections: InFlight[];
  }[];
}

/** The kind `metrics`. */
export interface Metrics {
  moments: ({ at: number; version: string } & { [figure: string]: number | string | boolean | null })[];
}

/** The kind `logs`. */
export interface Logs {
  lines: string[];
  /** Earlier lines that are not kept. */
  forgotten: number;
}

/** A source file of `--source DIR`. */
export interface SourceText {
  file: string;
  /** The number of the first line. */
  first: number;
  lines: string[];
  total: number;
}
