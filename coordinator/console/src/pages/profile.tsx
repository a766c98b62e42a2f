//! One request for profiles: what became of it on each agent.

import { useLocation } from "preact-iso/router";
import { path } from "../api/client.ts";
import type { ProfileAgentView, ProfileKindView, ProfileView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { ControlButton } from "../forms/control.tsx";
import { Page } from "../parts/page.tsx";
import { Facts, Panel, Show } from "../parts/panel.tsx";
import { State, StateBar } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Moment, Num, Text, When } from "../parts/text.tsx";
import { kindOf } from "../profile/kinds.ts";
import { command } from "../text/command.ts";
import { bytes, count, duration, percent, plural } from "../text/format.ts";

/** One kind of one agent. */
interface Part {
  agent: ProfileAgentView;
  taken: ProfileKindView | undefined;
}

/** The page: `/profiles/ID`. */
export function Profile({ params }: { params: { id: string } }) {
  const answer = useGet<ProfileView>(`/profiles${path(params.id)}`, {}, { topic: "profiles" });
  const profile = answer.data;
  const isOpen = profile !== undefined && !profile.done;
  return (
    <Page
      title={`Profile ${params.id.slice(0, 8)}`}
      head={
        <h1>
          Profile <Id of={params.id} />
        </h1>
      }
      actions={
        profile ? (
          <>
            {profile.agents.length > 1 ? (
              <a class="button" href={`/profiles/merge?of=${encodeURIComponent(profile.id)}`}>
                All agents as one
              </a>
            ) : null}
            <a class="button" href={`/profiles/new?from=${encodeURIComponent(profile.id)}`}>
              Take it again
            </a>
            {isOpen ? (
              <ControlButton verb="cancel" kind="profile" id={profile.id} onDone={answer.reload} />
            ) : null}
          </>
        ) : undefined
      }
    >
      <Show of={answer}>{(one) => <Whole of={one} />}</Show>
    </Page>
  );
}

function Whole({ of }: { of: ProfileView }) {
  return (
    <>
      <Panel
        title={of.on_stall ? "Taken by agents because the hunt stood still" : "Request"}
        command={command(["profile", "show", of.id])}
      >
        <Facts
          of={[
            ["target", <Text key="t" of={of.target} most={300} />],
            ["kinds", of.kinds.map((kind) => kindOf(kind).title).join(", ")],
            ["window", `${count(of.seconds)} s at ${count(of.hertz)} Hz`],
            ["operator", <Text key="o" of={of.operator} most={60} />],
            ["issued", <Moment key="i" of={of.issued} />],
            ["may begin until", <Moment key="e" of={of.expires} />],
            ["route", of.route],
            ["published", of.published ? "yes" : "not yet: the broker has not confirmed it"],
          ]}
        />
        <StateBar states={of.states} targeted={of.targeted} />
      </Panel>
      <Parts of={of} />
    </>
  );
}

function Parts({ of }: { of: ProfileView }) {
  const { route } = useLocation();
  const rows = of.agents.flatMap((agent): Part[] =>
    agent.profiles.length > 0
      ? agent.profiles.map((taken) => ({ agent, taken }))
      : [{ agent, taken: undefined }],
  );
  const hrefOf = ({ agent, taken }: Part) =>
    `/profiles${path(of.id, agent.agent)}${taken ? `?kind=${encodeURIComponent(taken.kind)}` : ""}`;
  const columns: Column<Part>[] = [
    {
      id: "agent",
      title: "Agent",
      width: "minmax(150px, 1.2fr)",
      cell: (row) => (
        <a href={hrefOf(row)}>
          <Text of={row.agent.agent} most={40} />
        </a>
      ),
    },
    {
      id: "host",
      title: "Host",
      width: "minmax(90px, 1fr)",
      cell: ({ agent }) => <Text of={agent.host} most={30} />,
    },
    { id: "state", title: "State", width: "110px", cell: ({ agent }) => <State of={agent.state} /> },
    {
      id: "kind",
      title: "Kind",
      width: "80px",
      cell: ({ taken }) => (taken ? kindOf(taken.kind).title : "–"),
    },
    { id: "when", title: "Window", width: "120px", cell: ({ taken }) => <When of={taken?.window_start} /> },
    {
      id: "samples",
      title: "Samples",
      width: "90px",
      align: "right",
      cell: ({ taken }) => <Num of={taken?.samples} />,
    },
    {
      id: "lost",
      title: "Lost",
      width: "70px",
      align: "right",
      cell: ({ taken }) => <Num of={taken?.lost} />,
    },
    {
      id: "cpu",
      title: "CPU",
      about: "Of the process over the window",
      width: "90px",
      align: "right",
      cell: ({ taken }) => <Num of={taken?.cpu_ms} as={duration} />,
    },
    {
      id: "sampling",
      title: "Sampling",
      about: "What the samples cost, in percent of a core",
      width: "90px",
      align: "right",
      cell: ({ taken }) => <Num of={taken?.sampling_percent} as={percent} />,
    },
    {
      id: "size",
      title: "Size",
      width: "90px",
      align: "right",
      cell: ({ taken }) => <Num of={taken?.bytes} as={bytes} />,
    },
    {
      id: "why",
      title: "Why",
      width: "minmax(120px, 1.5fr)",
      cell: ({ agent, taken }) => (
        <>
          {taken?.partial ? <span class="warn">cut short </span> : null}
          {agent.reason ? <Text of={agent.reason} most={120} /> : null}
        </>
      ),
    },
  ];
  return (
    <Panel class="flush" title={plural(of.agents.length, "agent")}>
      <Table
        label="Agents of the profile"
        columns={columns}
        rows={rows}
        total={rows.length}
        id={({ agent, taken }) => `${agent.agent} ${taken?.kind ?? ""}`}
        onOpen={(row) => route(hrefOf(row))}
        copy={({ agent }) => agent}
      />
    </Panel>
  );
}
