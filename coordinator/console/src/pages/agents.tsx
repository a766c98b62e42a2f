//! The agents: filtered by a target expression, so that what is on the screen can be hunted.

import { useCallback, useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { useList } from "../api/list.ts";
import type { FacetedPage } from "../api/page.ts";
import type { AgentBrief } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command, CopyButton } from "../parts/copy.tsx";
import { FacetList } from "../parts/facets.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { State } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Chip } from "../parts/tabs.tsx";
import { TargetBox, usePreview } from "../parts/target.tsx";
import { Age } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count, plural } from "../text/format.ts";
import { AGENT_COLUMNS } from "./agents-columns.tsx";
import { agentPath } from "./overview-lists.tsx";

/** Agents that one request may name one by one. */
const NAMED_MAX = 64;

/** Joins a condition to an expression. */
function withTerm(target: string, term: string): string {
  const old = target.trim();
  if (!old || old === "all") return term;
  return /\bor\b/.test(old) ? `(${old}) and ${term}` : `${old} and ${term}`;
}

/** The page. */
export function Agents() {
  const address = useAddress();
  const { route } = useLocation();
  const [target, q, state, sort] = ["target", "q", "state", "sort"].map((name) => address.get(name)) as [
    string,
    string,
    string,
    string,
  ];
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const set = (changes: Record<string, string>) => address.set(changes, true);

  const query = { target: target.trim(), q, state, sort: sort || "host" };
  const list = useList<AgentBrief>(
    "/agents",
    { ...query, facets: true },
    { topic: "agents", restMs: 2000 },
    (agent) => agent.id,
  );
  const facets = (list.first as FacetedPage<AgentBrief> | undefined)?.facets;
  const isRefused = list.failure?.status === 400;
  const preview = usePreview(isRefused && target.trim() ? target : undefined);
  const error =
    preview?.error ??
    (isRefused && list.failure ? { at: 0, why: list.failure.why || list.failure.what } : undefined);

  const select = useCallback((agent: AgentBrief) => {
    setSelected((old) => {
      const next = new Set(old);
      if (!next.delete(agent.id)) next.add(agent.id);
      return next;
    });
  }, []);
  const cli = command(["agents", "list"], {
    target: target.trim(),
    state,
    search: q,
    sort,
  });
  return (
    <Page
      title="Agents"
      fills
      head={
        <>
          <h1>Agents</h1>
          <span class="quiet num" aria-live="polite">
            {list.total === undefined ? "" : count(list.total)}
          </span>
          {list.asOf ? (
            <span class="asof">
              <Age of={list.asOf} />
            </span>
          ) : null}
        </>
      }
      actions={
        <Actions
          list={list.items}
          total={list.total}
          target={target}
          isNarrowed={Boolean(q || state)}
          selected={selected}
        />
      }
    >
      <div class="toolbar">
        <TargetBox
          value={target}
          facets={facets}
          error={error}
          placeholder="label:role=web and not os:windows"
          label="Target expression"
          onChange={(value) => set({ target: value })}
        />
        <input
          type="search"
          value={q}
          placeholder="Id, host or label has"
          aria-label="Id, name, host or label contains"
          onInput={(event) => set({ q: event.currentTarget.value })}
        />
        {state ? (
          <Chip onRemove={() => set({ state: "" })}>
            state <State of={state} />
          </Chip>
        ) : null}
        {selected.size ? (
          <Chip onRemove={() => setSelected(new Set())}>{plural(selected.size, "agent")} selected</Chip>
        ) : null}
      </div>
      {list.failure && !isRefused ? <ErrorBox of={list.failure} retry={list.reload} /> : null}
      <div class="sided">
        {facets ? (
          <FacetList
            of={facets}
            state={state}
            onState={(value) => set({ state: value })}
            onTerm={(term) => set({ target: withTerm(target, term) })}
          />
        ) : null}
        <Table
          fills
          label="Agents"
          columns={AGENT_COLUMNS}
          rows={list.items}
          id={(agent) => agent.id}
          total={list.total}
          sort={sort || "host"}
          onSort={(value) => set({ sort: value })}
          onOpen={(agent) => route(agentPath(agent.id))}
          selected={selected}
          onSelect={select}
          onEnd={list.hasMore ? list.more : undefined}
          onShow={list.show}
          tone={(agent) => (isRefused || agent.state === "revoked" ? "quiet" : "")}
          empty={
            !list.isEmpty ? null : (
              <Nobody
                isFiltered={Boolean(target || q || state)}
                onClear={() => set({ target: "", q: "", state: "" })}
              />
            )
          }
        />
      </div>
      <Command text={cli} />
    </Page>
  );
}

function Nobody({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  return isFiltered ? (
    <Empty title="No agent matches">
      <button type="button" onClick={onClear}>
        Clear the filter
      </button>
    </Empty>
  ) : (
    <Empty title="No agent is enrolled yet">
      <p>Enrol one on the command line: the bundle holds its password.</p>
      <Command text="muster agents enrol NAME --label role=web --out bundles/" />
    </Empty>
  );
}

interface ActionsProps {
  list: AgentBrief[];
  total: number | undefined;
  target: string;
  isNarrowed: boolean;
  selected: ReadonlySet<string>;
}

/** What can be done with the agents on the screen. */
function Actions({ list, total, target, isNarrowed, selected }: ActionsProps) {
  const ids = selected.size ? [...selected] : isNarrowed ? list.map((agent) => agent.id) : [];
  const isNamed = selected.size > 0 || isNarrowed;
  const n = selected.size || Number(total ?? 0);
  const isTooMany = isNamed && n > NAMED_MAX;
  const expr = isNamed ? ids.map((id) => `id:${id}`).join(" or ") : target.trim() || "all";
  const why = isTooMany
    ? `State and search are no part of a target: at most ${NAMED_MAX} agents can be named one by one. Narrow the target expression.`
    : undefined;
  const profile = isNamed
    ? ids
        .slice(0, NAMED_MAX)
        .map((id) => `agent=${encodeURIComponent(id)}`)
        .join("&")
    : `target=${encodeURIComponent(expr)}`;
  const isProfilable = n > 0 && n <= NAMED_MAX;
  return (
    <>
      <span class="button bare">
        <CopyButton text={expr} label="Copy the target expression" />
      </span>
      <a
        class="button"
        aria-disabled={!isProfilable}
        href={isProfilable ? `/profiles/new?${profile}` : undefined}
        title={isProfilable ? undefined : `Profiles are taken of at most ${NAMED_MAX} agents at a time`}
      >
        <Icon name="flame" />
        Profile…
      </a>
      <a
        class="button primary"
        aria-disabled={isTooMany || n === 0}
        href={isTooMany || n === 0 ? undefined : `/hunts/new?target=${encodeURIComponent(expr)}`}
        title={why}
      >
        <Icon name="hunts" />
        Hunt these {count(n)}
      </a>
    </>
  );
}
