//! Which rows of a long table are in the document: those that are visible, and a few more. Every row has the same height, so
//! this is arithmetic; a library for it would be an eighth of the bundle.

import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Rows that are drawn beyond the visible ones, on each side. */
const OVERSCAN = 8;
/** Browsers draw nothing that is higher than 33.5 M pixels. */
const HEIGHT_MAX = 30_000_000;

/** What a table draws. */
export interface Window {
  /** Each row that is drawn, and where it begins in pixels. */
  items: { index: number; start: number }[];
  /** Height of all rows in pixels. */
  height: number;
  /** Scrolls a row into view. */
  reveal: (index: number) => void;
}

/** Follows the scrolling of an element whose first `rowHeight` pixels are a head that stays. */
export function useVirtual(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): Window {
  const [view, setView] = useState({ first: 0, rows: 30 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      const first = Math.floor(element.scrollTop / rowHeight);
      const rows = Math.ceil(element.clientHeight / rowHeight) + 1;
      setView((old) => (old.first === first && old.rows === rows ? old : { first, rows }));
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [scroller, rowHeight]);
  const shown = Math.min(count, Math.floor(HEIGHT_MAX / rowHeight));
  const from = Math.max(0, Math.min(view.first, shown - view.rows) - OVERSCAN);
  const to = Math.min(shown, view.first + view.rows + OVERSCAN);
  const items = Array.from({ length: Math.max(0, to - from) }, (_, at) => ({
    index: from + at,
    start: (from + at) * rowHeight,
  }));
  const reveal = (index: number) => {
    const element = scroller.current;
    if (!element) return;
    const top = index * rowHeight;
    const room = element.clientHeight - rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + room) element.scrollTop = top + rowHeight - room;
  };
  return { items, height: shown * rowHeight, reveal };
}
