//! The first page: how the fleet is, what runs, what is wrong.

import { useLocation } from "preact-iso/router";
import type { Overview as Document } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { CheckList } from "../parts/checks.tsx";
import { Command } from "../parts/copy.tsx";
import { huntColumns, huntPath } from "../parts/hunts.tsx";
import { Page } from "../parts/page.tsx";
import { Panel, Show, Stat } from "../parts/panel.tsx";
import { AGENT_STATES, State, StateBar } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { Age, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { count } from "../text/format.ts";
import { AgentCurve } from "./agent-curve.tsx";
import { FleetCurve } from "./overview-curve.tsx";
import { Busiest, Profiles } from "./overview-lists.tsx";

/** The page. */
export function Overview() {
  const answer = useGet<Document>("/overview", {}, { topic: "overview" });
  return (
    <Page title="Overview">
      <Show of={answer}>{(overview) => <Body of={overview} />}</Show>
    </Page>
  );
}

function Body({ of }: { of: Document }) {
  const { route } = useLocation();
  const address = useAddress();
  const states = Object.fromEntries(of.agents.map(({ value, count }) => [value, count]));
  const total = of.agents.reduce((sum, one) => sum + Number(one.count), 0);
  if (total === 0) return <NoAgents />;
  return (
    <>
      <Panel asOf={of.as_of} title="Fleet" command="muster agents list" actions={<Broker of={of} />}>
        <div class="stats">
          <Stat name="agents" value={count(total)} href="/agents" />
          <Stat name="rows stored a second" value={count(of.rows_per_s)} note="over the last minute" />
          <Stat
            name="hunts open"
            value={count(of.hunts_open)}
            note={`of ${count(of.hunts_total)} on record`}
            href="/hunts?state=open"
          />
          <Stat
            name="dead letters"
            value={<span class={Number(of.dead_letters) ? "warn" : ""}>{count(of.dead_letters)}</span>}
            note="messages set aside"
            href="/health"
          />
          <Stat
            name="checks"
            value={<State of={of.verdict} />}
            note={of.checks.length ? `${of.checks.length} to look at` : "all is well"}
            href="/health"
          />
        </div>
        <StateBar
          states={states}
          targeted={total}
          order={AGENT_STATES}
          sum="agents"
          href={(state) => `/agents?state=${encodeURIComponent(state)}`}
        />
      </Panel>
      {of.checks.length ? <CheckList of={of.checks} /> : null}
      <Panel
        class="flush"
        title="Hunts that run"
        asOf={of.as_of}
        command="muster hunt list --state open"
        actions={<a href="/hunts">All hunts</a>}
      >
        {of.hunts.length ? (
          <Table
            label="Hunts that run"
            columns={huntColumns(false)}
            rows={of.hunts}
            id={(hunt) => hunt.id}
            total={of.hunts.length}
            onOpen={(hunt) => route(huntPath(hunt.id))}
          />
        ) : (
          <Empty title="No hunt runs">
            <p>
              <a href="/hunts/new">Launch one</a>, or look at <a href="/hunts">those that have ended</a>.
            </p>
          </Empty>
        )}
      </Panel>
      {total === 1 && of.busiest[0] ? (
        <AgentCurve id={of.busiest[0].id} topic={`agent:${of.busiest[0].id}`} />
      ) : (
        <FleetCurve span={address.get("span") || "6h"} onSpan={(span) => address.set({ span }, true)} />
      )}
      <div class="two">
        <Busiest of={of.busiest} asOf={of.as_of} />
        <Profiles of={of.profiles} asOf={of.as_of} />
      </div>
    </>
  );
}

/** The link to the broker, where it is not as it should be or since when it is. */
function Broker({ of }: { of: Document }) {
  const { broker } = of;
  const trouble = broker.blocked ? `takes no messages: ${broker.blocked}` : (broker.cause ?? "");
  return (
    <span class={broker.connected && !trouble ? "quiet" : "bad"} title={broker.address}>
      broker {broker.connected ? "connected" : "not connected"} <Age of={broker.since} suffix="" />
      {trouble ? ": " : ""}
      {trouble ? <Text of={trouble} most={120} /> : null}
    </span>
  );
}

function NoAgents() {
  return (
    <Panel>
      <Empty title="No agent is enrolled yet">
        <p>
          Enrol one: the command writes a bundle that holds its password, which is why it is not done in a
          browser.
        </p>
        <Command text="muster agents enrol NAME --label role=web --out bundles/" />
        <p>Then install the agent on its machine with that bundle. It appears here within seconds.</p>
      </Empty>
    </Panel>
  );
}
