//! Which columns a table shows: as many as there is room for, or as the person chose; the choice is kept.

import type { ComponentChildren, RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";
import type { Column } from "./table.tsx";

/** Tables with fewer columns have nothing to choose. */
const CHOICE_MIN = 6;

type Choice = Record<string, boolean>;

function kept(key: string): Choice {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    return typeof value === "object" && value !== null ? (value as Choice) : {};
  } catch {
    return {};
  }
}

/** Returns the least width of a column in pixels. */
function leastOf<T>(column: Column<T>): number {
  return Number(/\d+/.exec(column.width)?.[0] ?? 0);
}

/** Returns the columns that are hidden because a table is too narrow. */
function withoutRoom<T>(all: Column<T>[], width: number): Set<string> {
  const hidden = new Set<string>();
  let least = all.reduce((sum, column) => sum + leastOf(column), 0);
  const spare = all
    .filter((column) => column.spare !== undefined)
    .sort((a, b) => (b.spare ?? 0) - (a.spare ?? 0));
  for (const column of spare) {
    if (least <= width) break;
    hidden.add(column.id);
    least -= leastOf(column);
  }
  return hidden;
}

/** Returns the columns to show, and what chooses them. */
export function useColumns<T>(
  label: string,
  all: Column<T>[],
  scroller: RefObject<HTMLElement | null>,
): { columns: Column<T>[]; chooser: ComponentChildren } {
  const key = `muster-columns-${label}`;
  const [choice, setChoice] = useState(() => kept(key));
  const [width, setWidth] = useState(Number.POSITIVE_INFINITY);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller]);
  const hidden = withoutRoom(
    all.filter((column) => choice[column.id] ?? !column.isExtra),
    width,
  );
  const isShown = (column: Column<T>) => choice[column.id] ?? !(column.isExtra || hidden.has(column.id));
  const columns = all.filter(isShown);
  const toggle = (column: Column<T>) => {
    const next = { ...choice, [column.id]: !isShown(column) };
    localStorage.setItem(key, JSON.stringify(next));
    setChoice(next);
  };
  if (all.length < CHOICE_MIN) return { columns, chooser: null };
  const chooser = (
    <details class="columns">
      <summary title="Choose the columns" aria-label="Choose the columns">
        <Icon name="columns" size={14} />
      </summary>
      <fieldset>
        <legend class="sr">Columns</legend>
        {all.map((column) => (
          <label key={column.id}>
            <input type="checkbox" checked={isShown(column)} onChange={() => toggle(column)} />
            {column.title}
          </label>
        ))}
        <button
          type="button"
          class="bare"
          onClick={() => {
            localStorage.removeItem(key);
            setChoice({});
          }}
        >
          As it was
        </button>
      </fieldset>
    </details>
  );
  return { columns: columns.length ? columns : all.slice(0, 1), chooser };
}
