//! Which rows of a long table are in the document: those that are visible, and a few more.

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useState } from "preact/hooks";

/** Rows that are drawn beyond the visible ones, on each side. */
const OVERSCAN = 8;

/** What a table draws. */
export interface Window {
  items: VirtualItem[];
  /** Height of all rows in pixels. */
  height: number;
  /** Scrolls a row into view. */
  reveal: (index: number) => void;
}

/** Follows the scrolling of an element. */
export function useVirtual(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): Window {
  const [, setTurn] = useState(0);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    overscan: OVERSCAN,
    initialRect: { width: 0, height: 600 },
    // The sticky head covers the first row of the viewport.
    scrollPaddingStart: rowHeight,
    onChange: () => setTurn((n) => n + 1),
  };
  const virtual = useMemo(() => new Virtualizer<HTMLElement, HTMLElement>(options), []);
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  return {
    items: virtual.getVirtualItems(),
    height: virtual.getTotalSize(),
    reveal: (index) => virtual.scrollToIndex(index, { align: "auto" }),
  };
}
