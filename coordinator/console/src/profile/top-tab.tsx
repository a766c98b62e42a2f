//! What cost most: functions, frames, lines, files, modules, threads, hunts or agents.

import { useMemo } from "preact/hooks";
import { Empty } from "../parts/boxes.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Choice } from "../parts/tabs.tsx";
import { Text } from "../parts/text.tsx";
import { type Address, useAddress } from "../parts/url.ts";
import { count, percent } from "../text/format.ts";
import { amount, FunctionName, HuntName, Place, ShareBar } from "./cells.tsx";
import { useSelected } from "./selected.ts";
import type { Top, TopRow } from "./shapes.ts";
import { commandOf, type Source, useView } from "./source.ts";

const BY = ["function", "frame", "line", "file", "module", "thread", "hunt", "agent"] as const;
/** Parts of the summary that are shown. */
const PARTS_MAX = 8;

/** What is added up. */
type By = (typeof BY)[number];

/** Draws the tab. */
export function TopTab({ source, allFrames }: { source: Source; allFrames: boolean }) {
  const address = useAddress();
  const wanted = address.get("by") as By;
  const by = BY.includes(wanted) ? wanted : "function";
  const all = allFrames ? "true" : "";
  const answer = useView<Top>(source, "top", { by, all_frames: all });
  return (
    <Panel class="flush grow" command={commandOf(source, "top", { by: by === "function" ? undefined : by })}>
      <div class="toolbar inset">
        <span class="quiet">by</span>
        <Choice
          label="Added up by"
          value={by}
          values={BY.map((one) => [one, one] as const)}
          onChange={(one) => address.set({ by: one === "function" ? "" : one, up: "" })}
        />
        <span class="space" />
        <span class="quiet">
          {answer.data ? `${amount(answer.data.total, answer.data.unit)} in all` : ""}
          {answer.data?.total_samples ? `, ${count(answer.data.total_samples)} samples` : ""}
        </span>
      </div>
      <Show of={answer}>
        {(top) => (
          <>
            <Summary of={top} />
            <Rows of={top} by={by} address={address} />
          </>
        )}
      </Show>
    </Panel>
  );
}

/** What one can quote: the largest parts, and files without names. */
function Summary({ of }: { of: Top }) {
  const parts = (of.summary ?? []).slice(0, PARTS_MAX);
  const rest = 100 - parts.reduce((sum, part) => sum + part.percent, 0);
  return (
    <div class="summary inset">
      {parts.map((part) => (
        <span key={`${part.part} ${part.name}`}>
          <b class="num">{percent(part.percent)}</b>{" "}
          <Text of={part.part === "syscall" ? `${part.name}()` : part.name} most={40} />
        </span>
      ))}
      {parts.length > 0 && rest > 0.05 ? (
        <span>
          <b class="num">{percent(rest)}</b> other
        </span>
      ) : null}
      {of.nameless.map((file) => (
        <span class="warn" key={file.build_id}>
          <b class="num">{percent(file.percent)}</b> in <Text of={file.module} most={60} />, which has no
          names here: build id <code>{file.build_id.slice(0, 40)}</code>, <code>muster symbols add FILE</code>
        </span>
      ))}
    </div>
  );
}

function rowsOf(top: Top): TopRow[] {
  return (
    top.functions ?? top.lines ?? top.files ?? top.modules ?? top.threads ?? top.hunts ?? top.agents ?? []
  );
}

function Rows({ of, by, address }: { of: Top; by: By; address: Address }) {
  const selected = useSelected(address);
  const isTotal = address.get("sort") === "-total";
  const rows = useMemo(() => {
    const all = rowsOf(of).map((row, at) => ({ row, at }));
    if (isTotal) all.sort((a, b) => Number(b.row.cum) - Number(a.row.cum) || a.at - b.at);
    return all;
  }, [of, isTotal]);
  const hasFunctions = by === "function" || by === "frame" || by === "line";
  const columns: Column<{ row: TopRow; at: number }>[] = [
    {
      id: "own",
      title: "Own",
      about: "Spent there itself",
      width: "110px",
      align: "right",
      sort: "own",
      cell: ({ row }) => amount(row.flat, of.unit),
    },
    { id: "ownshare", title: "", width: "120px", cell: ({ row }) => <ShareBar of={row.flat_percent} /> },
    {
      id: "total",
      title: "Total",
      about: "With all that it called",
      width: "110px",
      align: "right",
      sort: "total",
      cell: ({ row }) => amount(row.cum, of.unit),
    },
    { id: "totalshare", title: "", width: "120px", cell: ({ row }) => <ShareBar of={row.cum_percent} /> },
    { id: "what", title: by, width: "minmax(260px, 1fr)", cell: ({ row }) => <What of={row} /> },
    ...(hasFunctions
      ? [
          {
            id: "place",
            title: "Place",
            width: "220px",
            cell: ({ row }: { row: TopRow }) => <Place file={row.file ?? ""} line={row.line} />,
          },
        ]
      : []),
  ];
  return (
    <Table
      label="What cost most"
      columns={columns}
      rows={rows}
      total={rows.length}
      id={({ at }) => String(at)}
      sort={isTotal ? "-total" : "-own"}
      onSort={(sort) => address.set({ sort: sort === "-total" ? sort : "" })}
      tone={({ row }) => (row.function !== undefined && selected.is(row.function) ? "chosen" : "")}
      onOpen={({ row }) => {
        if (row.function) selected.choose(row.function);
        else if (row.file) address.set({ tab: "lines", file: row.file });
        else if (row.module ?? row.thread)
          address.set({ tab: "", q: row.module ?? row.thread, colour: row.thread ? "thread" : "" });
      }}
      copy={({ row }) => row}
      empty={
        <Empty title="No samples">
          <p>Nothing was sampled in the window: the process did nothing of this kind.</p>
        </Empty>
      }
    />
  );
}

function What({ of }: { of: TopRow }) {
  if (of.function !== undefined) return <FunctionName of={of.function} />;
  if (of.module !== undefined) return <Text of={of.module || "(unknown)"} />;
  if (of.thread !== undefined) return <Text of={of.thread || "(no name)"} />;
  if (of.hunt !== undefined) return <HuntName of={of.hunt} />;
  if (of.agent !== undefined) {
    return (
      <a href={`/agents/${encodeURIComponent(of.agent)}`}>
        <Text of={of.agent} />
      </a>
    );
  }
  return <Text of={of.file || "(unknown)"} />;
}
