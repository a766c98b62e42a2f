//! A list that comes in pages and is shown by a virtual table: pages are asked for when they are scrolled to, and when something
//! has changed only the pages that are visible are asked for again.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, type Query, withQuery } from "./client.ts";
import { Failure, failureOf } from "./failure.ts";
import { isPlain } from "./json.ts";
import type { Page } from "./page.ts";
import { type Again, useAgain } from "./use.ts";

/** Items of a page. */
const PAGE = 100;
/** A page of more items than this is refused: nobody asked for it. */
const ITEMS_MAX = 2000;

/** What a table needs of a list. */
export interface List<T> {
  items: T[];
  /** Items of the whole list; nothing before the first answer. */
  total: number | undefined;
  /** Whether more can be asked for. */
  hasMore: boolean;
  /** Whether the first answer is awaited. */
  isLoading: boolean;
  /** Whether it is known that there is nothing: an answer that failed says nothing of it. */
  isEmpty: boolean;
  failure: Failure | undefined;
  asOf: string | undefined;
  /** The first page as it came: it may hold more than items. */
  first: Page<T> | undefined;
  /** Asks for the next page. */
  more: () => void;
  /** Asks for the visible pages again. */
  reload: () => void;
  /** Tells which items are visible. */
  show: (from: number, to: number) => void;
}

/** Pages of one question. */
class Pages<T> {
  pages: Page<T>[] = [];
  failure: Failure | undefined;
  isLoading = false;
  visible = { from: 0, to: 0 };
  private own = new AbortController();
  private isStale = false;

  constructor(
    private readonly path: string,
    private readonly query: Query,
    private readonly changed: () => void,
  ) {}

  end(): void {
    this.own.abort();
  }

  get items(): T[] {
    return this.pages.flatMap((page) => page.items);
  }

  get hasMore(): boolean {
    const last = this.pages.at(-1);
    return last ? last.next !== null && last.next !== undefined : !this.failure;
  }

  async more(): Promise<void> {
    if (this.isLoading || !this.hasMore || this.own.signal.aborted) return;
    await this.work(async () => {
      const page = await this.ask(this.pages.at(-1)?.next ?? undefined, this.pages.length === 0);
      this.pages.push(page);
    });
  }

  async reload(): Promise<void> {
    if (this.isLoading) {
      this.isStale = true;
      return;
    }
    await this.work(async () => {
      const first = this.indexOf(this.visible.from);
      const last = this.indexOf(this.visible.to);
      for (let at = first; at <= last && at < Math.max(this.pages.length, 1); at++) {
        const cursor = at === 0 ? undefined : (this.pages[at - 1]?.next ?? undefined);
        if (at > 0 && cursor === undefined) break;
        const page = await this.ask(cursor, at === 0);
        const isSame = this.pages[at]?.next === page.next;
        this.pages[at] = page;
        // What follows began where the page ended before: it is asked for again when it is scrolled to.
        if (!isSame && at >= last) this.pages.length = at + 1;
      }
    });
  }

  /** The page that holds an item. */
  private indexOf(item: number): number {
    let end = 0;
    for (const [at, page] of this.pages.entries()) {
      end += page.items.length;
      if (item < end) return at;
    }
    return Math.max(0, this.pages.length - 1);
  }

  private async ask(cursor: string | undefined, isFirst: boolean): Promise<Page<T>> {
    const query = { limit: PAGE, ...this.query, cursor, ...(isFirst ? {} : { facets: undefined }) };
    const answer = await get<Page<T> | T[]>(this.path, query, this.own.signal);
    // A coordinator of the version before answers with everything.
    if (Array.isArray(answer)) return { items: answer, next: null, total: answer.length, as_of: "" };
    const isList = isPlain(answer) && Array.isArray(answer.items) && answer.items.length <= ITEMS_MAX;
    if (!isList)
      throw new Failure(
        "the answer is no page of a list",
        "",
        "see whether the address is a Muster coordinator's",
        0,
      );
    return answer;
  }

  private async work(task: () => Promise<void>): Promise<void> {
    this.isLoading = true;
    try {
      await task();
      this.failure = undefined;
    } catch (error) {
      if (this.own.signal.aborted) return;
      this.failure = failureOf(error);
    }
    this.isLoading = false;
    if (!this.own.signal.aborted) this.changed();
    if (this.isStale) {
      this.isStale = false;
      void this.reload();
    }
  }
}

/** Asks for a list: `useList<AgentBrief>("/agents", {target, sort})`. The items of the question before stay until the first answer. */
export function useList<T>(
  path: string | undefined,
  query: Query = {},
  again: Again = {},
  id?: (item: T) => string,
): List<T> {
  const key = path === undefined ? undefined : withQuery(path, query);
  const [, setTurn] = useState(0);
  const kept = useRef<{ items: T[]; first: Page<T> | undefined }>({ items: [], first: undefined });
  const pages = useMemo(() => {
    return path === undefined ? undefined : new Pages<T>(path, query, () => setTurn((n) => n + 1));
  }, [key]);
  useEffect(() => {
    void pages?.more();
    return () => pages?.end();
  }, [pages]);
  useAgain(pages !== undefined && !pages.failure?.isMissing, () => void pages?.reload(), again);
  if (pages?.pages.length) {
    kept.current = { items: id ? unique(pages.items, id) : pages.items, first: pages.pages[0] };
  } else if (pages?.failure && pages.failure.status !== 400) kept.current = { items: [], first: undefined };
  const last = pages?.pages.at(-1);
  return {
    items: kept.current.items,
    total: (last ?? kept.current.first)?.total,
    // A page that failed is asked for again by hand, not by the table that still shows its end.
    hasMore: (pages?.hasMore ?? false) && !pages?.failure,
    isLoading: pages !== undefined && pages.pages.length === 0 && !pages.failure,
    isEmpty: pages !== undefined && pages.pages.length > 0 && kept.current.items.length === 0,
    failure: pages?.failure,
    asOf: (last ?? kept.current.first)?.as_of,
    first: kept.current.first,
    more: () => void pages?.more(),
    reload: () => void pages?.reload(),
    show: (from, to) => {
      if (pages) pages.visible = { from, to };
    },
  };
}

/** Pages of different moments may share items: the later one counts. */
function unique<T>(items: T[], id: (item: T) => string): T[] {
  const seen = new Map<string, T>();
  for (const item of items) seen.set(id(item), item);
  return [...seen.values()];
}
