//! How the coordinator and the broker are, and what to do.

import { useList } from "../api/list.ts";
import type { DeadView, Doctor } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { CheckList } from "../parts/checks.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { State } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Num, Text, When } from "../parts/text.tsx";
import { zone } from "../text/time.ts";
import { AgentCurve } from "./agent-curve.tsx";
import { BrokerPanel } from "./health-broker.tsx";

/** The name that the coordinator has among those who are sampled. */
const COORDINATOR = "coordinator";

const DEAD: Column<DeadView>[] = [
  { id: "class", title: "Of", width: "110px", cell: (dead) => <Text of={dead.class} most={30} /> },
  {
    id: "reason",
    title: "Why",
    width: "minmax(200px, 1fr)",
    cell: (dead) => <Text of={dead.reason} most={300} />,
  },
  { id: "count", title: "Messages", width: "100px", align: "right", cell: (dead) => <Num of={dead.count} /> },
  {
    id: "last",
    title: `Last (${zone()})`,
    width: "150px",
    align: "right",
    cell: (dead) => <When of={dead.last} />,
  },
];

/** The page. */
export function Health() {
  return (
    <Page
      title="Health"
      actions={
        <a class="button" href="/profiles/new?coordinator=1">
          <Icon name="flame" /> Profile the coordinator
        </a>
      }
    >
      <Checks />
      <BrokerPanel />
      <Dead />
      <AgentCurve id={COORDINATOR} topic={undefined} />
    </Page>
  );
}

/** Checks, the worst first. */
function Checks() {
  const answer = useGet<Doctor>("/doctor", {}, { everyMs: 15_000 });
  const order = ["bad", "warn", "ok"];
  return (
    <Panel
      class="flush"
      title={<>Checks {answer.data ? <State of={answer.data.verdict} /> : null}</>}
      asOf={answer.asOf}
      command="muster doctor"
    >
      <Show of={answer}>
        {(doctor) => (
          <CheckList
            of={[...doctor.checks].sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))}
            isAll
          />
        )}
      </Show>
    </Panel>
  );
}

function Dead() {
  const list = useList<DeadView>("/dead", {}, { everyMs: 15_000 });
  return (
    <Panel class="flush" title="Messages that were set aside" asOf={list.asOf} command="muster doctor --dead">
      {list.failure && list.items.length === 0 ? (
        <ErrorBox of={list.failure} retry={list.reload} />
      ) : (
        <Table
          label="Dead letters"
          columns={DEAD}
          rows={list.items}
          id={(dead) => `${dead.class} ${dead.reason}`}
          total={list.total}
          onEnd={list.hasMore ? list.more : undefined}
          onShow={list.show}
          empty={
            !list.isEmpty ? null : (
              <Empty title="None">
                <p>
                  A message that cannot be taken in is set aside here with its reason, and counted: nothing is
                  lost silently.
                </p>
              </Empty>
            )
          }
        />
      )}
    </Panel>
  );
}
