//! The hunts: what runs, what ended how.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { useList } from "../api/list.ts";
import type { HuntBrief } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { huntColumns, huntPath } from "../parts/hunts.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { Choice } from "../parts/tabs.tsx";
import { Age } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count } from "../text/format.ts";

const STATES = [
  ["", "All"],
  ["running", "Running"],
  ["open", "Open"],
  ["closed", "Ended"],
  ["cancelled", "Cancelled"],
] as const;

/** Spans of `since`. */
const SINCE = [
  ["", "any time"],
  ["24h", "24 h"],
  ["7d", "7 d"],
  ["30d", "30 d"],
] as const;

/** The page. */
export function Hunts() {
  const address = useAddress();
  const { route } = useLocation();
  const [state, q, operator, since, sort] = ["state", "q", "operator", "since", "sort"].map((name) =>
    address.get(name),
  ) as [string, string, string, string, string];
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const set = (changes: Record<string, string>) => address.set(changes, true);
  const list = useList<HuntBrief>(
    "/hunts",
    { state, q, operator, since, sort },
    { topic: "overview", restMs: 3000 },
    (hunt) => hunt.id,
  );
  const isFiltered = Boolean(state || q || operator || since);
  const [first, second] = [...selected];
  return (
    <Page
      title="Hunts"
      fills
      head={
        <>
          <h1>Hunts</h1>
          <span class="quiet num">{list.total === undefined ? "" : count(list.total)}</span>
          {list.asOf ? (
            <span class="asof">
              <Age of={list.asOf} />
            </span>
          ) : null}
        </>
      }
      actions={
        <>
          {selected.size === 1 ? (
            <a class="button" href={`/hunts/new?from=${encodeURIComponent(first ?? "")}`}>
              <Icon name="copy" /> Copy into a new hunt
            </a>
          ) : null}
          {selected.size === 2 ? (
            <a
              class="button"
              href={`/profiles/compare?hunt_before=${encodeURIComponent(first ?? "")}&hunt=${encodeURIComponent(second ?? "")}`}
            >
              <Icon name="flame" /> Compare their profiles
            </a>
          ) : null}
          <a class="button primary" href="/hunts/new">
            <Icon name="plus" /> New hunt
          </a>
        </>
      }
    >
      <div class="toolbar">
        <Choice label="State" value={state} values={STATES} onChange={(value) => set({ state: value })} />
        <Choice
          label="Signed since"
          value={since}
          values={SINCE}
          onChange={(value) => set({ since: value })}
        />
        <input
          class="grow"
          type="search"
          value={q}
          placeholder="Id, target, root or operator"
          aria-label="Search hunts"
          onInput={(event) => set({ q: event.currentTarget.value })}
        />
        <input
          type="search"
          value={operator}
          placeholder="Operator"
          aria-label="Operator"
          onInput={(event) => set({ operator: event.currentTarget.value })}
        />
      </div>
      {list.failure ? <ErrorBox of={list.failure} retry={list.reload} /> : null}
      <Table
        fills
        label="Hunts"
        columns={huntColumns()}
        rows={list.items}
        id={(hunt) => hunt.id}
        total={list.total}
        sort={sort || "-issued"}
        onSort={(value) => set({ sort: value })}
        onOpen={(hunt) => route(huntPath(hunt.id))}
        selected={selected}
        onSelect={(hunt) =>
          setSelected((old) => {
            const next = new Set(old);
            if (!next.delete(hunt.id)) next.add(hunt.id);
            return next;
          })
        }
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? null : isFiltered ? (
            <Empty title="No hunt matches">
              <button type="button" onClick={() => set({ state: "", q: "", operator: "", since: "" })}>
                Clear the filter
              </button>
            </Empty>
          ) : (
            <Empty title="No hunt was launched yet">
              <p>
                <a href="/hunts/new">Launch one</a>: say whom, where and what; you see the exact request
                before you sign it.
              </p>
            </Empty>
          )
        }
      />
      <Command text={command(["hunt", "list"], { state, search: q, operator, since, sort })} />
    </Page>
  );
}
