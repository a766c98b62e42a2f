//! Rows of a hunt: an answer may be unfinished and says so. The search goes on by itself until it has what is shown.

import { useEffect, useMemo, useState } from "preact/hooks";
import { get, type Query, withQuery } from "./client.ts";
import { type Failure, failureOf } from "./failure.ts";
import type { RowsPage, RowView } from "./types.ts";

/** Rows of one answer. */
const PAGE = 200;
/** Rows that a page holds at most: then the filter must be narrowed, or the rest exported. */
export const ROWS_MAX = 50_000;

/** A search over the rows of a hunt. */
export interface RowSearch {
  rows: RowView[];
  /** Rows of the hunt. */
  total: number | undefined;
  /** Rows that were looked at for this question. */
  lookedAt: number;
  /** How many rows the filter leaves, once that is known. */
  found: number | undefined;
  /** Whether everything was looked at. */
  isComplete: boolean;
  isRunning: boolean;
  isStopped: boolean;
  failure: Failure | undefined;
  asOf: string | undefined;
  /** Goes on: the end came into view, or the person asks. */
  more: () => void;
  stop: () => void;
  reload: () => void;
}

/** One question. */
class Search {
  rows: RowView[] = [];
  last: RowsPage | undefined;
  lookedAt = 0;
  isRunning = false;
  isStopped = false;
  failure: Failure | undefined;
  private wanted = PAGE;
  private readonly own = new AbortController();

  constructor(
    private readonly path: string,
    private readonly query: Query,
    private readonly changed: () => void,
  ) {}

  end(): void {
    this.own.abort();
  }

  get isAtEnd(): boolean {
    return this.last !== undefined && (this.last.next === null || this.last.next === undefined);
  }

  more(isAsked = false): void {
    if (isAsked) this.isStopped = false;
    this.wanted = Math.min(this.rows.length + PAGE, ROWS_MAX);
    void this.run();
  }

  stop(): void {
    this.isStopped = true;
    this.changed();
  }

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    this.changed();
    try {
      while (!this.isAtEnd && !this.isStopped && !this.own.signal.aborted && !this.isEnough()) {
        const cursor = this.last?.next ?? undefined;
        const page = await get<RowsPage>(this.path, { ...this.query, limit: PAGE, cursor }, this.own.signal);
        this.take(page);
        this.changed();
      }
      this.failure = undefined;
    } catch (error) {
      if (this.own.signal.aborted) return;
      this.failure = failureOf(error);
    }
    this.isRunning = false;
    this.changed();
  }

  /** In walk order answers follow each other; a sorted one takes the place of the one before until it is complete. */
  private take(page: RowsPage): void {
    if (!Array.isArray(page?.rows)) throw new Error("the answer has no rows");
    const isReplaced = this.isSorted && this.last !== undefined && !this.last.complete;
    this.rows = isReplaced ? page.rows : [...this.rows, ...page.rows];
    this.lookedAt += Number(page.looked_at);
    this.last = page;
  }

  private get isSorted(): boolean {
    return Boolean(this.query.sort) && this.query.sort !== "walk";
  }

  private isEnough(): boolean {
    if (this.isSorted && this.last && !this.last.complete) return false;
    return this.rows.length >= this.wanted;
  }
}

/** Searches the rows of a hunt. */
export function useRows(path: string, query: Query): RowSearch {
  const key = withQuery(path, query);
  const [turn, setTurn] = useState(0);
  const [, setDrawn] = useState(0);
  const search = useMemo(() => new Search(path, query, () => setDrawn((n) => n + 1)), [key, turn]);
  useEffect(() => {
    search.more();
    return () => search.end();
  }, [search]);
  const { last } = search;
  return {
    rows: search.rows,
    total: last?.total,
    lookedAt: search.lookedAt,
    found: last?.found ?? undefined,
    isComplete: search.isAtEnd,
    isRunning: search.isRunning,
    isStopped: search.isStopped,
    failure: search.failure,
    asOf: last?.as_of,
    more: () => search.more(true),
    stop: () => search.stop(),
    reload: () => setTurn((n) => n + 1),
  };
}
