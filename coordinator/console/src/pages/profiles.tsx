//! All requests for profiles, the latest first.

import { useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { path } from "../api/client.ts";
import { useList } from "../api/list.ts";
import type { ProfileBrief } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Bar } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { Id, Text, When } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { KINDS, kindOf } from "../profile/kinds.ts";
import { command } from "../text/command.ts";
import { count, plural } from "../text/format.ts";
import { zone } from "../text/time.ts";

/** Profiles that can be put together at once. */
const MERGED_MAX = 256;
const FILTERS = ["agent", "hunt", "kind", "operator", "since", "until"] as const;

/** The page: `/profiles`. */
export function Profiles() {
  const address = useAddress();
  const { route } = useLocation();
  const query = Object.fromEntries(FILTERS.map((name) => [name, address.get(name)]));
  const list = useList<ProfileBrief>("/profiles", query, { topic: "profiles" }, (one) => one.id);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (one: ProfileBrief) => {
    const next = new Set(chosen);
    if (!next.delete(one.id)) next.add(one.id);
    setChosen(next);
  };
  const ids = [...chosen];
  const isFiltered = FILTERS.some((name) => address.get(name));
  return (
    <Page
      title="Profiles"
      fills
      head={
        <>
          <h1>Profiles</h1>
          <span class="quiet num">{list.total === undefined ? "" : count(list.total)}</span>
          <select
            aria-label="Kind"
            value={address.get("kind")}
            onChange={(event) => address.set({ kind: event.currentTarget.value })}
          >
            <option value="">every kind</option>
            {KINDS.map((kind) => (
              <option key={kind.id} value={kind.id}>
                {kind.title}
              </option>
            ))}
          </select>
          <Chips>
            {FILTERS.filter((name) => name !== "kind" && address.get(name)).map((name) => (
              <Chip key={name} onRemove={() => address.set({ [name]: "" })}>
                {name} <Text of={address.get(name)} most={30} />
              </Chip>
            ))}
          </Chips>
        </>
      }
      actions={
        <>
          {ids.length > 0 && ids.length <= MERGED_MAX ? (
            <a class="button" href={`/profiles/merge?of=${encodeURIComponent(ids.join(","))}`}>
              Show {plural(ids.length, "profile")} as one
            </a>
          ) : null}
          {ids.length === 2 ? (
            <a class="button" href={compare(ids, list.items)}>
              Compare them
            </a>
          ) : null}
          <a class="button" href="/profiles/merge">
            Merge…
          </a>
          <a class="button" href="/profiles/compare">
            Compare…
          </a>
          <a class="button primary" href="/profiles/new">
            <Icon name="plus" /> New profile
          </a>
        </>
      }
    >
      {list.failure ? <ErrorBox of={list.failure} retry={list.reload} /> : null}
      <Table
        label="Profiles"
        fills
        columns={columnsOf(chosen, toggle)}
        rows={list.items}
        total={list.total}
        id={(one) => one.id}
        onOpen={(one) => route(hrefOf(one))}
        selected={chosen}
        onSelect={toggle}
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? undefined : (
            <Empty title={isFiltered ? "No profile is like that" : "No profile was taken yet"}>
              <p>
                A profile says where an agent's time goes, down to function and line, also while a hunt runs.{" "}
                <a href="/profiles/new">Take one</a>.
              </p>
            </Empty>
          )
        }
      />
      <Command text={command(["profile", "list"])} />
    </Page>
  );
}

/** Of one agent the page of its profile, else that of the request. */
function hrefOf(one: ProfileBrief): string {
  const isOne = Number(one.targeted) === 1 && one.agent;
  return `/profiles${isOne ? path(one.id, one.agent ?? "-") : path(one.id)}`;
}

/** The earlier one is what the later one is compared with. */
function compare(ids: string[], items: ProfileBrief[]): string {
  const issued = (id: string) => items.find((one) => one.id === id)?.issued ?? "";
  const [before = "", after = ""] = [...ids].sort((a, b) => (issued(a) < issued(b) ? -1 : 1));
  return `/profiles/compare?${new URLSearchParams({ before, of: after })}`;
}

function columnsOf(chosen: ReadonlySet<string>, toggle: (one: ProfileBrief) => void): Column<ProfileBrief>[] {
  return [
    {
      id: "chosen",
      title: <span class="sr">chosen</span>,
      width: "34px",
      cell: (one) => (
        <input
          type="checkbox"
          aria-label={`Choose profile ${one.id.slice(0, 8)}`}
          checked={chosen.has(one.id)}
          onChange={() => toggle(one)}
        />
      ),
    },
    {
      id: "id",
      title: "Id",
      width: "96px",
      cell: (one) => <Id of={one.id} href={`/profiles${path(one.id)}`} />,
    },
    { id: "issued", title: `Signed (${zone()})`, width: "140px", cell: (one) => <When of={one.issued} /> },
    {
      id: "kinds",
      title: "Kinds",
      width: "minmax(110px, 1fr)",
      cell: (one) => one.kinds.map((kind) => kindOf(kind).title).join(", "),
    },
    {
      id: "whom",
      title: "Of",
      width: "minmax(140px, 2fr)",
      cell: (one) =>
        Number(one.targeted) === 1 && one.agent ? (
          <Text of={one.agent} most={60} />
        ) : (
          <Text of={one.target} most={90} />
        ),
    },
    {
      id: "hunt",
      title: "While hunt",
      width: "96px",
      cell: (one) =>
        one.hunt ? (
          <Id of={one.hunt} href={`/hunts${path(one.hunt)}`} />
        ) : one.on_stall ? (
          <span class="warn">on stall</span>
        ) : (
          <span class="none">–</span>
        ),
    },
    {
      id: "window",
      title: "Window",
      width: "110px",
      align: "right",
      cell: (one) => `${count(one.seconds)} s · ${count(one.hertz)} Hz`,
    },
    {
      id: "operator",
      title: "Operator",
      width: "110px",
      cell: (one) => <Text of={one.operator} most={20} />,
    },
    {
      id: "states",
      title: "States",
      width: "110px",
      cell: (one) => <Bar states={{ ...one.states }} targeted={one.targeted} />,
    },
    { id: "targeted", title: "Agents", width: "70px", align: "right", cell: (one) => count(one.targeted) },
  ];
}
