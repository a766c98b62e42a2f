//! What became of a hunt on each agent. Parts that change are put in place as the stream brings them.

import { useEffect, useMemo, useState } from "preact/hooks";
import { useList } from "../api/list.ts";
import { subscribe } from "../api/live.ts";
import type { HuntAgentsEvent } from "../api/page.ts";
import type { CollectionBrief, HuntView } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { STATES, State } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { Num, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { bytes, count, duration, short } from "../text/format.ts";
import { PartPanel } from "./hunt-part.tsx";
import { agentPath } from "./overview-lists.tsx";

/** Changes are drawn at most this often. */
const DRAW_MS = 250;
/** Changes of parts that are not listed are forgotten beyond this. */
const CHANGES_MAX = 5000;

/** Returns the parts that have changed since they were listed. */
function useChanges(hunt: string, reload: () => void): Map<string, CollectionBrief> {
  const [changes, setChanges] = useState(new Map<string, CollectionBrief>());
  useEffect(() => {
    const pending = new Map<string, CollectionBrief>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = subscribe(`hunt-agents:${hunt}`, (name, data) => {
      if (name !== "hunt-agents") {
        pending.clear();
        setChanges(new Map());
        reload();
        return;
      }
      for (const part of (data as HuntAgentsEvent).agents) pending.set(part.agent, part);
      timer ??= setTimeout(() => {
        timer = undefined;
        setChanges((old) => {
          if (old.size + pending.size > CHANGES_MAX) reload();
          const next = old.size > CHANGES_MAX ? new Map<string, CollectionBrief>() : new Map(old);
          for (const [agent, part] of pending) next.set(agent, part);
          pending.clear();
          return next;
        });
      }, DRAW_MS);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [hunt]);
  return changes;
}

const COLUMNS: Column<CollectionBrief>[] = [
  { id: "state", title: "State", sort: "state", width: "112px", cell: (part) => <State of={part.state} /> },
  {
    id: "host",
    title: "Host",
    sort: "host",
    width: "minmax(130px, 1.2fr)",
    cell: (part) => (
      <a href={agentPath(part.agent)}>
        <Text of={part.host || part.agent} most={80} />
      </a>
    ),
  },
  {
    id: "agent",
    title: "Agent",
    sort: "agent",
    width: "minmax(110px, 1fr)",
    spare: 8,
    cell: (part) => (
      <span class="id">
        <Text of={part.agent} most={60} />
      </span>
    ),
  },
  {
    id: "why",
    title: "Where it is, or why it ended",
    width: "minmax(150px, 2fr)",
    cell: (part) =>
      part.reason ? <Text of={part.reason} most={200} /> : <Text of={part.path || part.code} most={200} />,
  },
  {
    id: "rows",
    title: "Rows",
    width: "84px",
    align: "right",
    sort: "rows",
    cell: (part) => <Num of={part.rows} />,
  },
  {
    id: "matched",
    spare: 0,
    title: "Matched",
    width: "82px",
    align: "right",
    sort: "matched",
    cell: (part) => <Num of={part.matched} />,
  },
  {
    id: "errors",
    spare: 0,
    title: "Errors",
    width: "76px",
    align: "right",
    sort: "errors",
    cell: (part) => <Num of={part.errors} />,
  },
  {
    id: "seen",
    title: "Entries",
    width: "86px",
    align: "right",
    sort: "seen",
    spare: 4,
    cell: (part) => <Num of={part.seen} />,
  },
  {
    id: "cpu",
    title: "CPU",
    width: "84px",
    align: "right",
    sort: "cpu_ms",
    spare: 1,
    cell: (part) => <Num of={part.cpu_ms} as={duration} />,
  },
  {
    id: "read",
    title: "Read",
    width: "84px",
    align: "right",
    sort: "bytes_read",
    spare: 2,
    cell: (part) => <Num of={part.bytes_read} as={bytes} />,
  },
  {
    id: "throttled",
    title: "Throttled",
    width: "92px",
    align: "right",
    sort: "throttled_ms",
    spare: 5,
    about: "Time that it waited for limits or for its outbox",
    cell: (part) => <Num of={part.throttled_ms} as={duration} />,
  },
  {
    id: "age",
    title: "Took",
    width: "90px",
    align: "right",
    sort: "age_ms",
    spare: 3,
    cell: (part) => <Num of={part.age_ms} as={duration} />,
  },
  {
    id: "silent",
    title: "Silent",
    width: "76px",
    align: "right",
    sort: "silent_s",
    spare: 6,
    about: "For how long the agent was not heard of",
    cell: (part) =>
      part.silent_s === null || part.silent_s === undefined ? null : (
        <Num of={part.silent_s} as={(s) => short(Number(s) * 1000)} />
      ),
  },
  {
    id: "attempts",
    title: "Attempts",
    width: "82px",
    align: "right",
    sort: "attempts",
    spare: 7,
    cell: (part) => <Num of={part.attempts} />,
  },
];

/** The tab. */
export function HuntAgents({ of }: { of: HuntView }) {
  const address = useAddress();
  const [state, code, q, sort, open] = ["state", "code", "q", "sort", "row"].map((name) =>
    address.get(name),
  ) as [string, string, string, string, string];
  const path = `/hunts/${encodeURIComponent(of.id)}/agents`;
  const again = of.done ? {} : { everyMs: 15_000 };
  const list = useList<CollectionBrief>(path, { state, code, q, sort }, again, (part) => part.agent);
  const changes = useChanges(of.id, list.reload);
  const rows = useMemo(() => {
    const merged = list.items.map((part) => changes.get(part.agent) ?? part);
    // A part that has left the filter leaves the list; one that has entered it comes with the next page that is asked for.
    return state ? merged.filter((part) => state.split(",").includes(part.state)) : merged;
  }, [list.items, changes, state]);
  return (
    <>
      <div class="toolbar">
        <input
          class="grow"
          type="search"
          value={q}
          placeholder="Agent or host contains"
          aria-label="Agent or host contains"
          onInput={(event) => address.set({ q: event.currentTarget.value }, true)}
        />
        <select
          aria-label="State"
          value={state}
          onChange={(event) => address.set({ state: event.currentTarget.value })}
        >
          <option value="">Every state</option>
          {[...STATES.keys()].map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
        <Chips>
          {state ? (
            <Chip onRemove={() => address.set({ state: "" })}>
              <State of={state} />
            </Chip>
          ) : null}
          {code ? (
            <Chip onRemove={() => address.set({ code: "" })}>
              code <Text of={code} most={40} />
            </Chip>
          ) : null}
        </Chips>
        <span class="quiet num">
          {list.total === undefined ? "" : `${count(list.total)} of ${count(of.targeted)}`}
        </span>
      </div>
      {list.failure ? <ErrorBox of={list.failure} retry={list.reload} /> : null}
      <div class="beside">
        <Table
          label="Agents of the hunt"
          columns={COLUMNS}
          rows={rows}
          id={(part) => part.agent}
          total={list.total}
          sort={sort}
          onSort={(value) => address.set({ sort: value }, true)}
          onOpen={(part) => address.set({ row: part.agent }, true)}
          tone={(part) => (part.agent === open ? "chosen" : "")}
          onEnd={list.hasMore ? list.more : undefined}
          onShow={list.show}
          empty={
            list.isLoading ? null : (
              <Empty
                title={state || q || code ? "No agent of this hunt matches" : "The target matched no agent"}
              >
                {state || q || code ? (
                  <button type="button" onClick={() => address.set({ state: "", q: "", code: "" })}>
                    Clear the filter
                  </button>
                ) : (
                  <p>Agents that are enrolled later and match join by themselves until the hunt expires.</p>
                )}
              </Empty>
            )
          }
        />
        {open ? <PartPanel hunt={of.id} agent={open} onClose={() => address.set({ row: "" }, true)} /> : null}
      </div>
      <Command text={command(["hunt", "show", of.id, ...(state ? [] : ["--agents"])], { state, sort })} />
    </>
  );
}
