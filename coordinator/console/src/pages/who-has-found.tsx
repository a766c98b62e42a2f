//! What was found of each digest: agents, hunts, paths; and which are absent.

import { useState } from "preact/hooks";
import type { RowView } from "../api/types.ts";
import { CopyButton } from "../parts/copy.tsx";
import { huntPath } from "../parts/hunts.tsx";
import { Panel } from "../parts/panel.tsx";
import { RowPanel, rowKey } from "../parts/rows.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Text, When } from "../parts/text.tsx";
import { count, plural } from "../text/format.ts";
import { timeOfId } from "../text/ids.ts";
import { zone } from "../text/time.ts";
import { agentPath } from "./overview-lists.tsx";

/** One digest that was asked for. */
export interface Digest {
  digest: string;
  rows: RowView[];
  /** When the first and the last hunt that found it were signed. */
  first: string | undefined;
  last: string | undefined;
}

/** Makes one of what was found: the beginning of a hunt's id is its time. */
export function digestOf(digest: string, rows: RowView[]): Digest {
  const times = rows.flatMap((row) => timeOfId(row.hunt) ?? []).sort();
  return { digest, rows, first: times[0], last: times.at(-1) };
}

function distinct(rows: RowView[], name: "agent" | "hunt"): number {
  return new Set(rows.map((row) => row[name])).size;
}

function pathOf(row: RowView): string {
  return String(row.path ?? row.exe ?? "");
}

const COLUMNS: Column<Digest>[] = [
  {
    id: "digest",
    title: "Digest",
    width: "minmax(200px, 1.5fr)",
    cell: ({ digest }) => (
      <span class="id">
        <Text of={digest} most={33} />
        <CopyButton text={digest} label="Copy the digest" />
      </span>
    ),
  },
  {
    id: "agents",
    title: "Agents",
    width: "80px",
    align: "right",
    cell: ({ rows }) =>
      rows.length ? <b class="num">{count(distinct(rows, "agent"))}</b> : <span class="quiet">absent</span>,
  },
  {
    id: "hunts",
    title: "Hunts",
    width: "70px",
    align: "right",
    cell: ({ rows }) => (rows.length ? <span class="num">{count(distinct(rows, "hunt"))}</span> : null),
  },
  {
    id: "first",
    title: `First seen (${zone()})`,
    about: "When the first hunt that found it was signed",
    width: "140px",
    cell: ({ first }) => <When of={first} />,
  },
  {
    id: "last",
    title: "Last seen",
    about: "When the last hunt that found it was signed",
    width: "140px",
    cell: ({ last }) => <When of={last} />,
  },
  {
    id: "paths",
    title: "Paths",
    width: "minmax(200px, 3fr)",
    cell: ({ rows }) =>
      rows.length ? (
        <span class="mono">
          <Text of={[...new Set(rows.map(pathOf))].slice(0, 20).join("  ")} most={300} />
        </span>
      ) : null,
  },
];

const ROWS: Column<RowView>[] = [
  {
    id: "host",
    title: "Host",
    width: "minmax(120px, 1fr)",
    cell: (row) => (
      <a href={agentPath(row.agent)}>
        <Text of={row.host || row.agent} most={60} />
      </a>
    ),
  },
  {
    id: "hunt",
    title: "Hunt",
    width: "100px",
    cell: (row) => (
      <Id of={row.hunt} href={`${huntPath(row.hunt)}?tab=rows&agent=${encodeURIComponent(row.agent)}`} />
    ),
  },
  {
    id: "path",
    title: "Path",
    width: "minmax(220px, 3fr)",
    cell: (row) => (
      <span class="mono">
        <Text of={pathOf(row)} most={300} />
      </span>
    ),
  },
  {
    id: "mtime",
    title: `Changed (${zone()})`,
    width: "140px",
    cell: (row) => <When of={typeof row.mtime === "string" ? row.mtime : null} />,
  },
];

/** The tables. */
export function Found({ of, isTruncated }: { of: Digest[]; isTruncated: boolean }) {
  const [chosen, setChosen] = useState("");
  const [open, setOpen] = useState<RowView>();
  const shown = of.find(({ digest }) => digest === chosen) ?? of.find(({ rows }) => rows.length);
  const absent = of.filter(({ rows }) => rows.length === 0).length;
  return (
    <>
      {isTruncated ? <p class="warn">There is more than is shown: ask for fewer digests at a time.</p> : null}
      <Panel class="flush" title={`${plural(of.length - absent, "digest")} found, ${count(absent)} absent`}>
        <Table
          label="Digests"
          columns={COLUMNS}
          rows={of}
          id={({ digest }) => digest}
          total={of.length}
          onOpen={({ digest }) => setChosen(digest)}
          tone={({ digest }) => (digest === shown?.digest ? "chosen" : "")}
        />
      </Panel>
      {shown?.rows.length ? (
        <div class="beside">
          <Panel
            class="flush grow"
            title={
              <>
                Where <code>{shown.digest.slice(0, 16)}…</code> is
              </>
            }
          >
            <Table
              label="Where it is"
              columns={ROWS}
              rows={shown.rows}
              id={rowKey}
              total={shown.rows.length}
              onOpen={setOpen}
            />
          </Panel>
          {open ? (
            <RowPanel key={rowKey(open)} row={open} schema={undefined} onClose={() => setOpen(undefined)} />
          ) : null}
        </div>
      ) : null}
    </>
  );
}
