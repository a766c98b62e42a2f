//! The broker: its link, the queues of results with their limits, the fullest queues of agents.

import type { BrokerView, QueueView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { Facts, Panel, Show } from "../parts/panel.tsx";
import { Share } from "../parts/spark.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Age, Num, Text } from "../parts/text.tsx";
import { bytes, count, NONE } from "../text/format.ts";

function perSecond(figure: unknown): string {
  return figure === null || figure === undefined ? NONE : `${Number(figure).toFixed(1)}`;
}

const QUEUES: Column<QueueView>[] = [
  {
    id: "name",
    title: "Queue",
    width: "minmax(180px, 1fr)",
    cell: (queue) => (
      <span class="mono">
        <Text of={queue.name} most={80} />
      </span>
    ),
  },
  {
    id: "messages",
    title: "Messages",
    width: "100px",
    align: "right",
    cell: (queue) => <Num of={queue.messages} />,
  },
  {
    id: "unacked",
    title: "Unacked",
    width: "90px",
    align: "right",
    about: "Handed out and not acknowledged yet",
    cell: (queue) => <Num of={queue.unacked} />,
  },
  {
    id: "bytes",
    title: "Bytes",
    width: "180px",
    align: "right",
    about: "Of what the queue may hold",
    cell: (queue) =>
      queue.limit_bytes ? (
        <Share of={Number(queue.bytes)} most={Number(queue.limit_bytes)}>
          {bytes(queue.bytes)} <span class="quiet">/ {bytes(queue.limit_bytes)}</span>
        </Share>
      ) : (
        <Num of={queue.bytes} as={bytes} />
      ),
  },
  {
    id: "consumers",
    title: "Consumers",
    width: "92px",
    align: "right",
    cell: (queue) => <Num of={queue.consumers} />,
  },
  {
    id: "in",
    title: "In/s",
    width: "84px",
    align: "right",
    cell: (queue) => <Num of={queue.in_per_s} as={perSecond} />,
  },
  {
    id: "out",
    title: "Out/s",
    width: "84px",
    align: "right",
    cell: (queue) => <Num of={queue.out_per_s} as={perSecond} />,
  },
];

/** The panels. */
export function BrokerPanel() {
  const answer = useGet<BrokerView>("/broker", {}, { everyMs: 5000 });
  return (
    <Panel class="flush" title="Broker" asOf={answer.data?.as_of} command="muster broker status">
      <Show of={answer}>{(broker) => <Body of={broker} />}</Show>
    </Panel>
  );
}

function Body({ of }: { of: BrokerView }) {
  const { link } = of;
  const alarm = link.blocked ?? "";
  return (
    <>
      <div class="inset">
        {of.trouble ? (
          <p class="warn">
            <Icon name="alert" /> <Text of={of.trouble} most={400} />
          </p>
        ) : null}
        <Facts
          of={[
            [
              "link",
              <span key="l" class={link.connected ? "" : "bad"}>
                {link.connected ? "connected" : "not connected"} <Age of={link.since} suffix="" />
                {link.cause ? ": " : ""}
                {link.cause ? <Text of={link.cause} most={200} /> : null}
              </span>,
            ],
            ["address", <Text key="a" of={link.address} />],
            ["version", <Text key="v" of={of.version} />],
            ["alarms", alarm ? <span class="bad">{<Text of={alarm} />}</span> : "none"],
          ]}
        />
      </div>
      <Table
        label="Queues of results"
        columns={QUEUES}
        rows={of.queues}
        id={(queue) => queue.name}
        total={of.queues.length}
        empty={<Empty title="The broker was not asked yet" />}
      />
      {of.directed.length ? (
        <>
          <h3 class="inset">
            Queues of agents that are not empty:{" "}
            {of.directed_waiting === null || of.directed_waiting === undefined
              ? "not counted"
              : count(of.directed_waiting)}
            ; the fullest
          </h3>
          <Table
            isShort
            label="Queues of agents"
            columns={QUEUES}
            rows={of.directed}
            id={(queue) => queue.name}
            total={of.directed.length}
          />
        </>
      ) : null}
    </>
  );
}
