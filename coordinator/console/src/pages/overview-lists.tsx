//! The lists of the first page: the busiest agents, the latest profiles, the worst checks.

import { useLocation } from "preact-iso/router";
import type { AgentBrief, ProfileBrief } from "../api/types.ts";
import { Empty } from "../parts/boxes.tsx";
import { Panel } from "../parts/panel.tsx";
import { Share } from "../parts/spark.tsx";
import { Bar } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Age, Id, Num, Text } from "../parts/text.tsx";
import { bytes, percent } from "../text/format.ts";

/** Where an agent's page is. */
export function agentPath(id: string): string {
  return `/agents/${encodeURIComponent(id)}`;
}

/** Agents by CPU. */
export function Busiest({ of, asOf }: { of: AgentBrief[]; asOf: string }) {
  const { route } = useLocation();
  const most = Math.max(100, ...of.map((agent) => Number(agent.cpu_percent ?? 0)));
  const columns: Column<AgentBrief>[] = [
    {
      id: "host",
      title: "Host",
      width: "minmax(120px, 1fr)",
      cell: (agent) => (
        <a href={agentPath(agent.id)}>
          <Text of={agent.host || agent.name} most={60} />
        </a>
      ),
    },
    {
      id: "id",
      title: "Id",
      width: "minmax(100px, 1fr)",
      cell: (agent) => (
        <span class="id">
          <Text of={agent.id} most={60} />
        </span>
      ),
    },
    {
      id: "cpu",
      title: "CPU",
      width: "110px",
      align: "right",
      about: "Percent of one core, between its last two samples",
      cell: (agent) => (
        <Share of={Number(agent.cpu_percent ?? 0)} most={most}>
          {percent(agent.cpu_percent)}
        </Share>
      ),
    },
    {
      id: "rss",
      title: "RSS",
      width: "80px",
      align: "right",
      cell: (agent) => <Num of={agent.rss_bytes} as={bytes} />,
    },
    {
      id: "busy",
      title: "Requests",
      width: "76px",
      align: "right",
      cell: (agent) => <Num of={agent.collections} />,
    },
  ];
  return (
    <Panel
      class="flush"
      title="Busiest agents"
      asOf={asOf}
      command="muster agents list --sort=-cpu --limit 10"
      actions={<a href="/agents?sort=-cpu">All agents</a>}
    >
      <Table
        label="Busiest agents"
        columns={columns}
        rows={of}
        id={(agent) => agent.id}
        total={of.length}
        onOpen={(agent) => route(agentPath(agent.id))}
      />
    </Panel>
  );
}

/** The latest profiles. */
export function Profiles({ of, asOf }: { of: ProfileBrief[]; asOf: string }) {
  const { route } = useLocation();
  const path = (profile: ProfileBrief) => `/profiles/${encodeURIComponent(profile.id)}`;
  const columns: Column<ProfileBrief>[] = [
    {
      id: "id",
      title: "Profile",
      width: "92px",
      cell: (profile) => <Id of={profile.id} href={path(profile)} />,
    },
    {
      id: "kinds",
      title: "Kinds",
      width: "80px",
      cell: (profile) => <Text of={profile.kinds.join(", ")} most={40} />,
    },
    {
      id: "agent",
      title: "Agent",
      width: "minmax(90px, 1fr)",
      cell: (profile) => <Text of={profile.agent ?? profile.target} most={60} />,
    },
    {
      id: "states",
      title: "States",
      width: "70px",
      cell: (profile) => <Bar states={profile.states} targeted={profile.targeted} />,
    },
    {
      id: "issued",
      title: "Age",
      width: "64px",
      align: "right",
      cell: (profile) => <Age of={profile.issued} suffix="" />,
    },
  ];
  return (
    <Panel
      class="flush"
      title="Latest profiles"
      asOf={asOf}
      command="muster profile list"
      actions={<a href="/profiles">All profiles</a>}
    >
      {of.length ? (
        <Table
          label="Latest profiles"
          columns={columns}
          rows={of}
          id={(profile) => profile.id}
          total={of.length}
          onOpen={(profile) => route(path(profile))}
        />
      ) : (
        <Empty title="No profile was taken yet">
          <p>
            Open a busy agent and press “New profile”: it shows down to function and line where the time goes.
          </p>
        </Empty>
      )}
    </Panel>
  );
}
