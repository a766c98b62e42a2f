//! The kinds of profile: what each answers, how to read it, and which values its samples have.

/** A value of the samples of a kind. */
export interface ProfileValue {
  /** Its name in the API. */
  id: string;
  title: string;
}

/** A kind of profile. */
export interface ProfileKind {
  /** Its name in the API. */
  id: string;
  title: string;
  /** The question that it answers, for a form. */
  answers: string;
  /** How to read it. */
  reading: string;
  /** Values of a sample, the usual one first; none for a document. */
  values: ProfileValue[];
}

/** Every kind that these pages know. */
export const KINDS: readonly ProfileKind[] = [
  {
    id: "cpu",
    title: "CPU",
    answers: "Where does CPU time go?",
    reading:
      "Each sample is a stack that was running. Width is CPU time: a wide frame spent much of it, itself or in what it calls. What waits is not here.",
    values: [
      { id: "cpu", title: "CPU time" },
      { id: "samples", title: "samples" },
    ],
  },
  {
    id: "wall",
    title: "Wall",
    answers: "Where is every thread, whether it works or waits, and for what?",
    reading:
      "Every thread counts all the time, also while it waits. The innermost frame of a thread that waits is its system call: futex for a lock or nothing to do, openat for a slow file system. Choose one thread or hunt to see what it waits for.",
    values: [
      { id: "wall", title: "wall-clock time" },
      { id: "samples", title: "samples" },
    ],
  },
  {
    id: "heap",
    title: "Heap",
    answers: "What was allocated in the window, what of it is still held, and by whom?",
    reading:
      "Stacks that allocated while the window was open. In use: what was not freed at its end, good for what grows. One allocation in 128 KiB is sampled and counts for those that were not: an estimate.",
    values: [
      { id: "inuse_space", title: "in use, bytes" },
      { id: "inuse_objects", title: "in use, objects" },
      { id: "alloc_space", title: "allocated, bytes" },
      { id: "alloc_objects", title: "allocated, objects" },
    ],
  },
  {
    id: "tasks",
    title: "Tasks",
    answers: "Which threads, tasks and collections are there, and where does each of them stand?",
    reading:
      "The process at the beginning and at the end of the window: what has the same place and the same figures in both has not moved.",
    values: [],
  },
  {
    id: "metrics",
    title: "Metrics",
    answers: "What does the process cost: CPU, memory, files, reads and writes?",
    reading: "Figures at the beginning, since the start of the process; at the end, rates over the window.",
    values: [],
  },
  {
    id: "logs",
    title: "Logs",
    answers: "What did it log last?",
    reading: "The last lines of its log, at most 128 KiB.",
    values: [],
  },
];

/** Returns a kind; one that these pages do not know is shown as a profile of stacks under its own name. */
export function kindOf(id: string): ProfileKind {
  const known = KINDS.find((kind) => kind.id === id);
  return known ?? { id, title: id, answers: "", reading: "", values: [{ id: "", title: "usual value" }] };
}

/** Whether a kind is a profile of stacks. */
export function hasStacks(kind: ProfileKind): boolean {
  return kind.values.length > 0;
}
