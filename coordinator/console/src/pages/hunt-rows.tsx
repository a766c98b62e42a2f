//! The rows of a hunt: filters as chips, honest progress, every field of a row at the side.

import { useState } from "preact/hooks";
import { withQuery } from "../api/client.ts";
import { ROWS_MAX, type RowSearch, useRows } from "../api/rows.ts";
import type { HuntView, RowView } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { DownloadButton } from "../parts/download.tsx";
import { Icon } from "../parts/icon.tsx";
import { looked, RowPanel, rowColumns, rowKey, useSchema } from "../parts/rows.tsx";
import { Table } from "../parts/table.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { Age, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count } from "../text/format.ts";

/** Filters that a person types, with what is expected. */
const FIELDS: [string, string][] = [
  ["path", "a pattern as hunts have them: *.so, home/*/.ssh, /etc/*"],
  ["status", "denied,io_error"],
  ["errno", "13,EIO"],
  ["hash", "8 hexadecimal digits at least"],
  ["kind", "file,symlink"],
  ["agent", "an agent's id"],
  ["min_size", "bytes"],
  ["max_size", "bytes"],
  ["newer", "7d, or 2026-11-25T10:00:00Z"],
  ["older", "7d, or 2026-11-25T10:00:00Z"],
  ["changed_newer", "7d, or 2026-11-25T10:00:00Z"],
  ["uid", "0,1000"],
  ["gid", "0,1000"],
  ["mode", "4000, /6000, =0755"],
  ["uploaded", "yes or no"],
  ["match", "yes or no"],
];

/** The tab. */
export function HuntRows({ of }: { of: HuntView }) {
  const address = useAddress();
  const schema = useSchema(of.artifact);
  const [open, setOpen] = useState<RowView>();
  const given = FIELDS.map(([name]): [string, string] => [name, address.get(name)]).filter(
    ([, value]) => value,
  );
  const sort = address.get("sort");
  const query = { ...Object.fromEntries(given), sort };
  const path = `/hunts/${encodeURIComponent(of.id)}/rows`;
  const search = useRows(path, query);
  const flags = Object.fromEntries(given.map(([name, value]) => [name.replaceAll("_", "-"), value]));
  const exported = withQuery(`/hunts/${encodeURIComponent(of.id)}/results`, Object.fromEntries(given));
  const csv = withQuery(`/hunts/${encodeURIComponent(of.id)}/results`, {
    ...Object.fromEntries(given),
    format: "csv",
  });
  return (
    <>
      <div class="toolbar">
        <Filter onAdd={(name, value) => address.set({ [name]: value })} />
        <Chips>
          {given.map(([name, value]) => (
            <Chip key={name} onRemove={() => address.set({ [name]: "" })}>
              <span class="quiet">{name}</span> <Text of={value} most={60} />
            </Chip>
          ))}
        </Chips>
        <span class="space" />
        <Progress of={search} isFiltered={given.length > 0} />
        <DownloadButton path={exported} name={`${of.id.slice(0, 8)}.jsonl`} label="JSONL" />
        <DownloadButton path={csv} name={`${of.id.slice(0, 8)}.csv`} label="CSV" />
      </div>
      {search.failure ? <ErrorBox of={search.failure} retry={search.reload} /> : null}
      <div class="beside">
        <Table
          label="Rows"
          columns={rowColumns(schema)}
          rows={search.rows}
          id={rowKey}
          total={search.found ?? undefined}
          sort={sort}
          onSort={(value) => address.set({ sort: value }, true)}
          onOpen={setOpen}
          onEnd={
            search.isComplete || search.isStopped || search.isRunning || search.failure
              ? undefined
              : search.more
          }
          tone={(row) => (row.match ? "hit" : "")}
          empty={
            search.isRunning ? null : <None isFiltered={given.length > 0} isComplete={search.isComplete} />
          }
        />
        {open ? (
          <RowPanel key={rowKey(open)} row={open} schema={schema} onClose={() => setOpen(undefined)} />
        ) : null}
      </div>
      <Command text={command(["hunt", "results", of.id], flags)} />
    </>
  );
}

function None({ isFiltered, isComplete }: { isFiltered: boolean; isComplete: boolean }) {
  if (!isComplete) return null;
  return isFiltered ? (
    <Empty title="No row has all of this">
      <p>Everything was looked at. Take a filter away to see more.</p>
    </Empty>
  ) : (
    <Empty title="No row is stored yet">
      <p>
        Rows appear as agents send them. A hunt with a list of hashes stores only files that match and those
        that could not be read.
      </p>
    </Empty>
  );
}

/** How far the search is, with a button that stops it or lets it go on. */
function Progress({ of, isFiltered }: { of: RowSearch; isFiltered: boolean }) {
  const isFull = of.rows.length >= ROWS_MAX;
  return (
    <span class="progressing quiet num" aria-live="polite">
      {of.asOf ? <Age of={of.asOf} /> : null}
      {of.isComplete ? (
        <span>{count(of.found ?? of.rows.length)} rows</span>
      ) : isFiltered || of.isRunning ? (
        <span>{looked(of.lookedAt, of.total, of.rows.length)}</span>
      ) : (
        <span>
          {count(of.rows.length)} of {count(of.found ?? of.total)}
        </span>
      )}
      {isFull ? <span class="warn">a page holds {count(ROWS_MAX)}: narrow the filter, or export</span> : null}
      {of.isRunning && isFiltered ? (
        <button type="button" onClick={of.stop}>
          <Icon name="stop" /> Stop
        </button>
      ) : null}
      {of.isStopped && !of.isComplete ? (
        <button type="button" onClick={of.more}>
          Go on
        </button>
      ) : null}
    </span>
  );
}

function Filter({ onAdd }: { onAdd: (name: string, value: string) => void }) {
  const [name, setName] = useState("path");
  const [value, setValue] = useState("");
  const add = () => {
    if (!value.trim()) return;
    onAdd(name, value.trim());
    setValue("");
  };
  return (
    <span class="filter" role="group" aria-label="Add a filter">
      <select aria-label="Filter by" value={name} onChange={(event) => setName(event.currentTarget.value)}>
        {FIELDS.map(([field]) => (
          <option key={field} value={field}>
            {field}
          </option>
        ))}
      </select>
      <input
        class="mono"
        aria-label="Value"
        value={value}
        placeholder={FIELDS.find(([field]) => field === name)?.[1]}
        onInput={(event) => setValue(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && add()}
      />
      <button type="button" onClick={add}>
        Filter
      </button>
    </span>
  );
}
