//! Two sets of profiles side by side: what takes a larger share than before is red, what takes a smaller one is blue.

import { useMemo, useState } from "preact/hooks";
import { useGet } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { Page } from "../parts/page.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { useAddress } from "../parts/url.ts";
import { amount, FunctionName, Place } from "../profile/cells.tsx";
import { FlameTab } from "../profile/flame-tab.tsx";
import { kindOf } from "../profile/kinds.ts";
import { useSelected } from "../profile/selected.ts";
import { SelectionField } from "../profile/selection-field.tsx";
import type { Change, Diff } from "../profile/shapes.ts";
import { useFlameOf } from "../profile/source.ts";
import { command } from "../text/command.ts";
import { stackKind } from "./profile-merge.tsx";

const FIELDS = ["before", "hunt_before", "of", "hunt"] as const;

/** The page: `/profiles/compare`. */
export function Compare() {
  const address = useAddress();
  const kind = stackKind(address.get("kind"));
  const value = address.get("value");
  const query = { ...Object.fromEntries(FIELDS.map((name) => [name, address.get(name)])), kind, value };
  const isReady = address.get("before") !== "" && address.get("of") !== "";
  const known = kindOf(kind);
  return (
    <Page
      title="Compare profiles"
      head={
        <>
          <h1>Compare profiles</h1>
          <select
            aria-label="Kind"
            value={kind}
            onChange={(event) => address.set({ kind: event.currentTarget.value, value: "", zoom: "" })}
          >
            {["cpu", "wall", "heap"].map((one) => (
              <option key={one} value={one}>
                {kindOf(one).title}
              </option>
            ))}
          </select>
          <select
            aria-label="Value"
            value={value || known.values[0]?.id}
            onChange={(event) =>
              address.set({
                value: event.currentTarget.value === known.values[0]?.id ? "" : event.currentTarget.value,
              })
            }
          >
            {known.values.map((one) => (
              <option key={one.id} value={one.id}>
                {one.title}
              </option>
            ))}
          </select>
        </>
      }
    >
      <Sides />
      {isReady ? (
        <>
          <p class="reading quiet">
            Shares of the whole are compared, so windows of different length compare. Red takes a larger share
            than before, blue a smaller one.
          </p>
          <Tabs
            tabs={[
              { id: "flame", title: "Flame", render: () => <Picture query={query} /> },
              { id: "changes", title: "Changes", render: () => <Changes query={query} /> },
            ]}
          />
        </>
      ) : (
        <Empty title="Name two sides">
          <p>
            Each is a set: <code>ID</code> for all agents of a profile, <code>ID/AGENT</code> for one, several
            by commas. In the <a href="/profiles">list of profiles</a> choose two with <kbd>x</kbd>.
          </p>
        </Empty>
      )}
    </Page>
  );
}

/** The two sides, as a form. */
function Sides() {
  const address = useAddress();
  const given = Object.fromEntries(FIELDS.map((name) => [name, address.get(name)]));
  const [typed, setTyped] = useState<Record<string, string>>(given);
  const field = (name: (typeof FIELDS)[number], title: string, hint: string) => (
    <SelectionField
      title={title}
      hint={hint}
      value={typed[name] ?? ""}
      onType={(value) => setTyped({ ...typed, [name]: value })}
    />
  );
  return (
    <Panel>
      <form
        class="selection"
        onSubmit={(event) => {
          event.preventDefault();
          address.set({
            ...Object.fromEntries(FIELDS.map((name) => [name, (typed[name] ?? "").trim()])),
            zoom: "",
          });
        }}
      >
        {field("before", "Before", "ID or ID/AGENT, by commas")}
        {field("hunt_before", "Only for hunt", "the same as after")}
        {field("of", "After", "ID or ID/AGENT, by commas")}
        {field("hunt", "Only for hunt", "all work")}
        <button
          type="button"
          title="Swap the sides"
          onClick={() =>
            setTyped({
              before: typed.of ?? "",
              of: typed.before ?? "",
              hunt: typed.hunt_before ?? "",
              hunt_before: typed.hunt ?? "",
            })
          }
        >
          ⇄ Swap
        </button>
        <button type="submit" class="primary">
          Compare
        </button>
      </form>
    </Panel>
  );
}

type Sought = Record<string, string>;

/** The command that prints the same. */
function words(query: Sought, more: Record<string, string> = {}): string {
  const hunts = [query.hunt_before, query.hunt].filter(Boolean).join(",");
  return command(["profile", "diff", query.before ?? "", query.of ?? ""], {
    hunt: hunts,
    kind: query.kind,
    value: query.value,
    ...more,
  });
}

function Picture({ query }: { query: Sought }) {
  const answer = useFlameOf("/profile-views", query);
  return (
    <Show of={answer}>
      {(data) => <FlameTab data={data} label="What changed" command={words(query, { out: "change.svg" })} />}
    </Show>
  );
}

function Changes({ query }: { query: Sought }) {
  const answer = useGet<Diff>("/profile-views/diff", query);
  return <Show of={answer}>{(diff) => <ChangeTable of={diff} command={words(query)} />}</Show>;
}

/** Sorts of the table: by the size of the change. */
const SORTS: Record<string, (change: Change) => number> = {
  own: (change) => Math.abs(change.flat_delta),
  total: (change) => Math.abs(change.cum_delta),
};

function ChangeTable({ of, command: line }: { of: Diff; command: string }) {
  const address = useAddress();
  const selected = useSelected(address);
  const sort = address.get("sort") === "-total" ? "total" : "own";
  const rows = useMemo(() => {
    const size = SORTS[sort] ?? (() => 0);
    return of.rows
      .map((change, at) => ({ change, at }))
      .sort((a, b) => size(b.change) - size(a.change) || a.at - b.at);
  }, [of, sort]);
  const most = Math.max(
    0.01,
    ...of.rows.map((row) => Math.max(Math.abs(row.flat_delta), Math.abs(row.cum_delta))),
  );
  const columns: Column<{ change: Change; at: number }>[] = [
    {
      id: "own",
      title: "Own, change",
      about: "In percentage points of the whole",
      width: "170px",
      sort: "own",
      cell: ({ change }) => <Delta of={change.flat_delta} most={most} />,
    },
    {
      id: "ownfrom",
      title: "Own",
      width: "140px",
      align: "right",
      cell: ({ change }) => <FromTo from={change.flat_before} to={change.flat_after} />,
    },
    {
      id: "total",
      title: "Total, change",
      width: "170px",
      sort: "total",
      cell: ({ change }) => <Delta of={change.cum_delta} most={most} />,
    },
    {
      id: "totalfrom",
      title: "Total",
      width: "140px",
      align: "right",
      cell: ({ change }) => <FromTo from={change.cum_before} to={change.cum_after} />,
    },
    {
      id: "function",
      title: "Function",
      width: "minmax(240px, 1fr)",
      cell: ({ change }) => <FunctionName of={change.function} />,
    },
    {
      id: "place",
      title: "Place",
      width: "170px",
      cell: ({ change }) => <Place file={change.file} line={null} />,
    },
  ];
  return (
    <Panel class="flush grow" command={line}>
      <div class="toolbar inset quiet">
        {amount(of.before_total, of.unit)} before, {amount(of.after_total, of.unit)} after
      </div>
      <Table
        label="Changes"
        columns={columns}
        rows={rows}
        total={rows.length}
        id={({ at }) => String(at)}
        sort={`-${sort}`}
        onSort={(next) => address.set({ sort: next.endsWith("total") ? "-total" : "" })}
        tone={({ change }) => (selected.is(change.function) ? "chosen" : "")}
        onOpen={({ change }) => selected.choose(change.function)}
        copy={({ change }) => change}
        empty={<Empty title="Nothing has another share than before" />}
      />
    </Panel>
  );
}

function FromTo({ from, to }: { from: number; to: number }) {
  return (
    <span class="num">
      {from.toFixed(2)} → {to.toFixed(2)} %
    </span>
  );
}

function Delta({ of, most }: { of: number; most: number }) {
  const isMore = of > 0;
  const sign = of > 0 ? "+" : of < 0 ? "−" : "";
  return (
    <span class={`delta ${isMore ? "more" : "less"}`}>
      <span class="track">
        <i style={{ width: `${(Math.abs(of) * 50) / most}%` }} />
      </span>
      <span class="num">
        {sign}
        {Math.abs(of).toFixed(2)}
      </span>
    </span>
  );
}
