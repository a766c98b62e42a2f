//! The call tree as rows: callers above what they call, branches that close.

import { useMemo, useState } from "preact/hooks";
import { Empty } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { useAddress } from "../parts/url.ts";
import { count } from "../text/format.ts";
import { amount, FunctionName, Place, ShareBar } from "./cells.tsx";
import { useSelected } from "./selected.ts";
import type { Tree, TreeRow } from "./shapes.ts";
import { commandOf, type Source, useView } from "./source.ts";

/** Smallest parts that can be chosen, in percent of the whole. */
const SMALLEST = ["0.1", "0.5", "1", "5"];
/** Deeper rows are not indented further. */
const INDENT_MAX = 40;

interface Branch {
  row: TreeRow;
  at: number;
  hasChildren: boolean;
}

/** Draws the tab. */
export function TreeTab({ source, allFrames }: { source: Source; allFrames: boolean }) {
  const address = useAddress();
  const wanted = address.get("min");
  const min = SMALLEST.includes(wanted) ? wanted : "0.5";
  const answer = useView<Tree>(source, "tree", { min_percent: min, all_frames: allFrames ? "true" : "" });
  return (
    <Panel class="flush grow" command={commandOf(source, "tree", { min: `${min}%` })}>
      <div class="toolbar inset">
        <label>
          <span class="quiet">calls of at least</span>{" "}
          <select
            value={min}
            onChange={(event) =>
              address.set({ min: event.currentTarget.value === "0.5" ? "" : event.currentTarget.value })
            }
          >
            {SMALLEST.map((one) => (
              <option key={one} value={one}>
                {one} %
              </option>
            ))}
          </select>
        </label>
        <span class="space" />
        {answer.data && answer.data.left_out > 0 ? (
          <span class="quiet">{count(answer.data.left_out)} smaller or deeper calls are not shown</span>
        ) : null}
      </div>
      <Show of={answer}>{(tree) => <Rows of={tree} />}</Show>
    </Panel>
  );
}

function Rows({ of }: { of: Tree }) {
  const address = useAddress();
  const selected = useSelected(address);
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  const branches = useMemo(
    () =>
      of.rows.map((row, at): Branch => ({ row, at, hasChildren: (of.rows[at + 1]?.depth ?? 0) > row.depth })),
    [of],
  );
  const shown = useMemo(() => {
    const out: Branch[] = [];
    let below = Number.POSITIVE_INFINITY;
    for (const branch of branches) {
      if (branch.row.depth > below) continue;
      below = closed.has(branch.at) ? branch.row.depth : Number.POSITIVE_INFINITY;
      out.push(branch);
    }
    return out;
  }, [branches, closed]);
  const toggle = (at: number) => {
    const next = new Set(closed);
    if (!next.delete(at)) next.add(at);
    setClosed(next);
  };
  const columns: Column<Branch>[] = [
    { id: "total", title: "Total", width: "120px", cell: ({ row }) => <ShareBar of={row.cum_percent} /> },
    { id: "own", title: "Own", width: "120px", cell: ({ row }) => <ShareBar of={row.flat_percent} /> },
    {
      id: "cost",
      title: "Cost",
      width: "90px",
      align: "right",
      cell: ({ row }) => amount(row.cum, of.unit),
    },
    {
      id: "function",
      title: "Function",
      width: "minmax(360px, 1fr)",
      cell: ({ row, at, hasChildren }) => (
        <span
          class={row.inlined ? "call inlined" : "call"}
          style={{ paddingLeft: `${Math.min(row.depth - 1, INDENT_MAX) * 10}px` }}
        >
          {hasChildren ? (
            <button
              type="button"
              class="bare"
              aria-expanded={!closed.has(at)}
              aria-label={closed.has(at) ? "Show what it calls" : "Hide what it calls"}
              onClick={() => toggle(at)}
            >
              <Icon name={closed.has(at) ? "right" : "down"} size={12} />
            </button>
          ) : (
            <span class="leaf" />
          )}
          <FunctionName of={row.function} />
        </span>
      ),
    },
    {
      id: "place",
      title: "Place",
      width: "150px",
      cell: ({ row }) => <Place file={row.file} line={row.line} />,
    },
  ];
  return (
    <Table
      label="Call tree"
      columns={columns}
      rows={shown}
      total={shown.length}
      id={({ at }) => String(at)}
      tone={({ row }) => (selected.is(row.function) ? "chosen" : "")}
      onOpen={({ row }) => selected.choose(row.function)}
      onSelect={({ at }) => toggle(at)}
      copy={({ row }) => row}
      empty={<Empty title="No call is that large">Choose a smaller share.</Empty>}
    />
  );
}
