//! What runs on an agent now, by its latest sample.

import { get } from "../api/client.ts";
import type { Page } from "../api/page.ts";
import type { RunningView, TelemetryView } from "../api/types.ts";
import { useAsk } from "../api/use.ts";
import { ControlButton } from "../forms/control.tsx";
import { Empty } from "../parts/boxes.tsx";
import { huntPath } from "../parts/hunts.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { State } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Num, Text } from "../parts/text.tsx";
import { bytes, count, duration, percent } from "../text/format.ts";

/** Asks for the latest sample of one agent: a coordinator of the version before gives all of them. */
async function sample(id: string, signal: AbortSignal): Promise<TelemetryView | null> {
  const answer = await get<Page<TelemetryView> | TelemetryView[]>("/telemetry", { agent: id }, signal);
  const items = Array.isArray(answer) ? answer : answer.items;
  return items.find((one) => one.agent === id) ?? null;
}

const COLUMNS: Column<RunningView>[] = [
  { id: "state", title: "State", width: "100px", cell: (run) => <State of={run.state} /> },
  {
    id: "request",
    title: "Request",
    width: "92px",
    cell: (run) => <Id of={run.request} href={huntPath(run.request)} />,
  },
  {
    id: "path",
    title: "Where it is",
    width: "minmax(160px, 1fr)",
    cell: (run) => (
      <span class="mono">
        <Text of={run.path} most={200} />
      </span>
    ),
  },
  {
    id: "age",
    title: "For",
    width: "90px",
    align: "right",
    cell: (run) => <Num of={run.age_ms} as={duration} />,
  },
  { id: "files", title: "Files", width: "80px", align: "right", cell: (run) => <Num of={run.hashed} /> },
  {
    id: "rate",
    title: "Files/s",
    width: "80px",
    align: "right",
    about: "Since it began",
    cell: (run) => <Num of={Number(run.age_ms) ? (Number(run.hashed) * 1000) / Number(run.age_ms) : 0} />,
  },
  {
    id: "bytes",
    title: "Read",
    width: "80px",
    align: "right",
    cell: (run) => <Num of={run.bytes} as={bytes} />,
  },
  {
    id: "cpu",
    title: "CPU",
    width: "90px",
    align: "right",
    cell: (run) => <Num of={run.cpu_ms} as={duration} />,
  },
  {
    id: "waited",
    title: "Throttled",
    width: "110px",
    align: "right",
    about: "Time that it waited for limits or for its outbox",
    cell: (run) => (
      <span>
        <Num of={run.throttled_ms} as={duration} />
      </span>
    ),
  },
  {
    id: "cancel",
    title: "",
    width: "96px",
    align: "right",
    cell: (run) => <ControlButton verb="cancel" kind="hunt" id={run.request} isSmall />,
  },
];

/** The tab. */
export function Running({ id, topic }: { id: string; topic: string | undefined }) {
  const answer = useAsk(`running ${id}`, (signal) => sample(id, signal), { topic, pollMs: 5000 });
  return (
    <Show of={answer}>
      {(view) =>
        view === null ? (
          <Empty title="No sample of this agent is here">
            <p>It sends one every ten seconds while it runs.</p>
          </Empty>
        ) : (
          <Panel
            class="flush"
            asOf={view.received}
            title={`${percent(view.cpu_percent)} CPU, ${bytes(view.rss_bytes)} resident, ${count(view.threads)} threads, ${count(view.fds)} files open`}
            command="muster telemetry top"
          >
            {view.collections.length ? (
              <Table
                label="Running now"
                columns={COLUMNS}
                rows={view.collections}
                id={(run) => run.request}
                total={view.collections.length}
              />
            ) : (
              <Empty title="Nothing runs on it now">
                <p>
                  <a href={`/hunts/new?target=${encodeURIComponent(`id:${id}`)}`}>Hunt on this agent</a>, or{" "}
                  <a href={`/profiles/new?agent=${encodeURIComponent(id)}`}>profile it</a> as it is.
                </p>
              </Empty>
            )}
          </Panel>
        )
      }
    </Show>
  );
}
