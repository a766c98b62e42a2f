//! What became of a hunt on each agent. Parts that change are put in place as the stream brings them.

import { useEffect, useMemo, useState } from "preact/hooks";
import { useList } from "../api/list.ts";
import { link, subscribe } from "../api/live.ts";
import type { HuntAgentsEvent } from "../api/page.ts";
import type { CollectionBrief, HuntView } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { STATES, State } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count } from "../text/format.ts";
import { PART_COLUMNS } from "./hunt-agents-columns.tsx";
import { PartPanel } from "./hunt-part.tsx";

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

/** The tab. */
export function HuntAgents({ of }: { of: HuntView }) {
  const address = useAddress();
  const [state, code, q, sort, open] = ["state", "code", "q", "sort", "row"].map((name) =>
    address.get(name),
  ) as [string, string, string, string, string];
  const path = `/hunts/${encodeURIComponent(of.id)}/agents`;
  const isLive = link.value.state === "live";
  const again = of.done ? {} : { everyMs: isLive ? 15_000 : 5000 };
  const list = useList<CollectionBrief>(path, { state, code, q, sort }, again, (part) => part.agent);
  const changes = useChanges(of.id, list.reload);
  useEffect(() => {
    if (of.done) list.reload();
  }, [of.done]);
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
          columns={PART_COLUMNS}
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
            !list.isEmpty ? null : (
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
