//! The columns of a list of agents.

import type { AgentBrief } from "../api/types.ts";
import { Icon } from "../parts/icon.tsx";
import { State } from "../parts/states.tsx";
import type { Column } from "../parts/table.tsx";
import { Age, Num, Text } from "../parts/text.tsx";
import { cut, escaped } from "../text/escape.ts";
import { bytes, count, percent } from "../text/format.ts";
import { agentPath } from "./overview-lists.tsx";

/** Returns the labels in one line. */
export function labelLine(labels: Map<string, string> | undefined): string {
  return [...(labels ?? [])].map(([key, value]) => `${key}=${value}`).join(" ");
}

/** Writes how far a clock is off: what is below a second is nothing to say. */
function offset(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Math.abs(Number(ms)) < 1000) return "";
  return `clock ${Number(ms) > 0 ? "+" : "−"}${count(Math.round(Math.abs(Number(ms)) / 1000))} s`;
}

/** What is to be known of an agent beside its figures. */
export function warnings(agent: AgentBrief): string[] {
  return [
    agent.clone ? "two machines answer under this id" : "",
    agent.journal_full ? "its journal is full" : "",
    offset(agent.clock_offset_ms),
  ].filter(Boolean);
}

/** The columns. */
export const AGENT_COLUMNS: Column<AgentBrief>[] = [
  { id: "state", title: "State", width: "112px", cell: (agent) => <State of={agent.state} /> },
  {
    id: "host",
    title: "Host",
    width: "minmax(190px, 2fr)",
    sort: "host",
    cell: (agent) => (
      <a href={agentPath(agent.id)}>
        <Text of={agent.host || agent.name} most={80} />
      </a>
    ),
  },
  {
    id: "id",
    title: "Id",
    width: "minmax(130px, 1.2fr)",
    sort: "id",
    spare: 4,
    cell: (agent) => (
      <span class="id">
        <Text of={agent.id} most={60} />
      </span>
    ),
  },
  {
    id: "labels",
    title: "Labels",
    width: "minmax(150px, 1.6fr)",
    spare: 2,
    cell: (agent) => {
      const line = labelLine(agent.labels);
      return line ? <Text of={line} most={120} /> : <span class="none">none</span>;
    },
  },
  {
    id: "version",
    title: "Version",
    width: "80px",
    sort: "version",
    cell: (agent) => <Text of={agent.version} most={20} />,
  },
  {
    id: "cpu",
    title: "CPU",
    width: "76px",
    align: "right",
    sort: "cpu",
    about: "Percent of one core, between its last two samples",
    cell: (agent) => <Num of={agent.cpu_percent} as={percent} />,
  },
  {
    id: "rss",
    title: "RSS",
    width: "80px",
    align: "right",
    sort: "rss",
    cell: (agent) => <Num of={agent.rss_bytes} as={bytes} />,
  },
  {
    id: "outbox",
    title: "Outbox",
    width: "80px",
    spare: 5,
    align: "right",
    sort: "outbox",
    about: "What waits on the agent to be sent",
    cell: (agent) => <Num of={agent.outbox_bytes} as={bytes} />,
  },
  {
    id: "requests",
    title: "Req.",
    width: "52px",
    align: "right",
    about: "Requests that it holds and has not finished",
    cell: (agent) => <Num of={agent.collections} />,
  },
  {
    id: "seen",
    title: "Heard",
    width: "88px",
    align: "right",
    sort: "last_seen",
    about: "When it was last heard of, by the coordinator's clock",
    cell: (agent) => {
      const notes = warnings(agent);
      return (
        <>
          {notes.length ? (
            <span class="warn" title={cut(escaped(notes.join("; ")), 300)}>
              <Icon name="alert" size={12} title={notes.join("; ")} />{" "}
            </span>
          ) : null}
          <Age of={agent.last_seen} suffix="" />
        </>
      );
    },
  },
];
