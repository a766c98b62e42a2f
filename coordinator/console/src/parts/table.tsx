//! The table of every list: virtual, of one row height, with a sticky head, sorted by the server, used by keyboard.
//!
//! `j`/`k` or the arrows move, Enter opens, `x` selects, `c` copies the row as JSON.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { writeJson } from "../api/json.ts";
import { useColumns } from "./columns.tsx";
import { copyText } from "./copy.tsx";
import { Icon } from "./icon.tsx";
import { useVirtual } from "./virtual.ts";

/** Height of a row in pixels. */
export const ROW = 30;

/** One column. */
export interface Column<T> {
  id: string;
  title: ComponentChildren;
  /** A width as in `grid-template-columns`: `90px`, `minmax(120px, 2fr)`. */
  width: string;
  /** Numbers stand at the right. */
  align?: "right";
  /** The server's name of the sort, where the list can be sorted by this. */
  sort?: string;
  /** May be hidden where there is no room, the greatest first, unless the person chose otherwise. */
  spare?: number;
  /** Hidden unless the person chose it. */
  isExtra?: boolean;
  /** What the head says on hover. */
  about?: string;
  cell: (row: T) => ComponentChildren;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  /** Rows of the whole list. */
  total?: number | undefined;
  /** The sort as the server takes it: `cpu`, `-cpu`. */
  sort?: string;
  onSort?: (sort: string) => void;
  onOpen?: (row: T) => void;
  /** Ids that are selected. */
  selected?: ReadonlySet<string>;
  onSelect?: (row: T) => void;
  /** Called when the end comes into view. */
  onEnd?: (() => void) | undefined;
  /** Told which rows are visible. */
  onShow?: (from: number, to: number) => void;
  /** What stands in place of no rows. */
  empty?: ComponentChildren;
  /** Fills what is left of the page; else the table is as high as its rows, up to the window's height. */
  fills?: boolean;
  /** Is never higher than some rows. */
  isShort?: boolean;
  /** Classes of a row. */
  tone?: (row: T) => string;
  /** What is copied of a row; the row itself where it is not given. */
  copy?: (row: T) => unknown;
}

/** Draws the table. */
export function Table<T>(props: Props<T>) {
  const { rows, id, total, onEnd, onShow } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const { columns, chooser } = useColumns(props.label, props.columns, scroller);
  const [current, setCurrent] = useState<string>();
  const at = current === undefined ? -1 : rows.findIndex((row) => id(row) === current);
  const window = useVirtual(scroller, rows.length, ROW);
  const first = window.items[0]?.index ?? 0;
  const last = window.items.at(-1)?.index ?? 0;

  useEffect(() => onShow?.(first, last), [first, last, onShow]);
  useEffect(() => {
    if (onEnd && last >= rows.length - 20) onEnd();
  }, [last, rows.length, onEnd]);
  useLayoutEffect(() => {
    scroller.current?.style.setProperty("--cols", columns.map((column) => column.width).join(" "));
  });

  const move = (to: number) => {
    const next = Math.min(Math.max(to, 0), rows.length - 1);
    const row = rows[next];
    if (row === undefined) return;
    setCurrent(id(row));
    window.reveal(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== scroller.current) return;
    const row = rows[at];
    const acts: Record<string, (() => void) | undefined> = {
      j: () => move(at + 1),
      ArrowDown: () => move(at + 1),
      k: () => move(at - 1),
      ArrowUp: () => move(at - 1),
      PageDown: () => move(at + 15),
      PageUp: () => move(at - 15),
      Home: () => move(0),
      End: () => move(rows.length - 1),
      Enter: row === undefined ? undefined : () => props.onOpen?.(row),
      x: row === undefined ? undefined : () => props.onSelect?.(row),
      c: row === undefined ? undefined : () => void copyText(writeJson(props.copy ? props.copy(row) : row)),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  return (
    <div class={`table${props.fills ? " fills" : ""}${props.isShort ? " short" : ""}`}>
      <div
        class="scroller"
        ref={scroller}
        role="grid"
        aria-label={props.label}
        aria-rowcount={total === undefined ? -1 : total + 1}
        aria-colcount={columns.length}
        aria-activedescendant={at >= 0 ? rowId(props.label, at) : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <div class="head" role="row" aria-rowindex={1}>
          {columns.map((column) => (
            <Head key={column.id} column={column} sort={props.sort} onSort={props.onSort} />
          ))}
        </div>
        <div class="body" role="rowgroup" style={{ height: `${window.height}px` }}>
          {window.items.map(({ index, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            const key = id(row);
            const isSelected = props.selected?.has(key);
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the focus and takes the keys
              <div
                key={key}
                id={rowId(props.label, index)}
                class={`row ${props.tone?.(row) ?? ""}`}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={props.onSelect ? Boolean(isSelected) : undefined}
                data-current={key === current ? "" : undefined}
                style={{ transform: `translateY(${start}px)` }}
                onClick={(event) => {
                  setCurrent(key);
                  const target = event.target as HTMLElement;
                  if (!target.closest("a, button, input") && !getSelection()?.toString()) props.onOpen?.(row);
                }}
              >
                {columns.map((column) => (
                  <div key={column.id} role="gridcell" class={column.align === "right" ? "right" : ""}>
                    {column.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {rows.length === 0 ? props.empty : null}
      {chooser}
    </div>
  );
}

function rowId(label: string, index: number): string {
  return `row-${label.replace(/\W+/g, "-")}-${index}`;
}

/** The head of a column: a button where the list can be sorted by it. */
function Head<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>;
  sort?: string | undefined;
  onSort?: ((sort: string) => void) | undefined;
}) {
  const isUp = column.sort !== undefined && sort === column.sort;
  const isDown = column.sort !== undefined && sort === `-${column.sort}`;
  const next = isDown ? column.sort : `-${column.sort}`;
  return (
    <div
      role="columnheader"
      class={column.align === "right" ? "right" : ""}
      aria-sort={isUp ? "ascending" : isDown ? "descending" : undefined}
      title={column.about}
    >
      {column.sort && onSort ? (
        <button type="button" class="bare" onClick={() => onSort(next ?? "")}>
          {column.title}
          {isUp || isDown ? <Icon name={isUp ? "up" : "down"} size={12} /> : null}
        </button>
      ) : (
        column.title
      )}
    </div>
  );
}
