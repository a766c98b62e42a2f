//! Hooks that ask the API and ask again when something has changed.

import { useEffect, useRef, useState } from "preact/hooks";
import { now } from "../text/time.ts";
import { get, type Query, withQuery } from "./client.ts";
import { type Failure, failureOf } from "./failure.ts";
import { isPlain } from "./json.ts";
import { link, subscribe } from "./live.ts";

/** What a question has brought so far. */
export interface Answer<T> {
  /** The latest answer: kept while the next is awaited. */
  data: T | undefined;
  /** Why the latest attempt failed. */
  failure: Failure | undefined;
  /** When it was read, by the coordinator's clock; nothing while that is not known. */
  asOf: string | undefined;
  /** Whether an answer to this very question is awaited. */
  isLoading: boolean;
  /** Asks again. */
  reload: () => void;
}

/** When a question is asked again. */
export interface Again {
  /** Topic whose events ask for it: at most once in `restMs`. */
  topic?: string | undefined;
  /** Least time between two attempts for events. */
  restMs?: number;
  /** Ask regularly, live or not. */
  everyMs?: number;
  /** Ask regularly while no stream is live. */
  pollMs?: number;
  /** Ask once more when this changes: what was asked for regularly is over. */
  mark?: unknown;
}

/** Asks for a document: `useGet("/hunts", {state: "open"})`. A path of `undefined` asks for nothing. */
export function useGet<T>(path: string | undefined, query: Query = {}, again: Again = {}): Answer<T> {
  const url = path === undefined ? undefined : withQuery(path, query);
  return useAsk<T>(url, (signal) => get<T>(path ?? "", query, signal), again);
}

/** Asks a question that a key names: another key is another question. */
export function useAsk<T>(
  key: string | undefined,
  ask: (signal: AbortSignal) => Promise<T>,
  again: Again = {},
): Answer<T> {
  const [state, setState] = useState<{
    key?: string;
    data?: T;
    asOf?: string | undefined;
    failure?: Failure;
  }>({});
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (key === undefined) return;
    const own = new AbortController();
    latest.current(own.signal).then(
      (data) => !own.signal.aborted && setState({ key, data, asOf: timeOf(data) }),
      (error) =>
        !own.signal.aborted &&
        setState((old) => ({
          key,
          ...(old.key === key ? { data: old.data, asOf: old.asOf } : {}),
          failure: failureOf(error),
        })),
    );
    return () => own.abort();
  }, [key, turn]);
  const reload = () => setTurn((n) => n + 1);
  useAgain(key !== undefined && !state.failure?.isMissing, reload, again);
  return { data: state.data, asOf: state.asOf, failure: state.failure, isLoading: state.key !== key, reload };
}

/** Returns the time of an answer: its own, else that of its arrival by the coordinator's clock. */
function timeOf(data: unknown): string | undefined {
  if (isPlain(data) && typeof data.as_of === "string") return data.as_of;
  const present = now();
  return present === undefined ? undefined : new Date(present).toISOString();
}

/** Calls `reload` when it is time to. */
export function useAgain(isOn: boolean, reload: () => void, again: Again): void {
  const { topic, restMs = 1000, everyMs, pollMs = 5000, mark } = again;
  const state = link.value.state;
  const isPolled = topic !== undefined && state !== "live";
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    if (!isOn || topic === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = Number.NEGATIVE_INFINITY;
    const end = subscribe(topic, () => {
      if (timer !== undefined) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          last = performance.now();
          latest.current();
        },
        Math.max(0, last + restMs - performance.now()),
      );
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [isOn, topic, restMs]);
  const marked = useRef(mark);
  useEffect(() => {
    if (!isOn || marked.current === mark) return;
    marked.current = mark;
    latest.current();
  }, [isOn, mark]);
  const every = everyMs ?? (isPolled ? pollMs : undefined);
  useEffect(() => {
    if (!isOn || every === undefined) return;
    const timer = setInterval(() => !document.hidden && latest.current(), every);
    return () => clearInterval(timer);
  }, [isOn, every]);
}
