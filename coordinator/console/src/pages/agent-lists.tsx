//! Tabs of the agent's page: the hunts and profiles that it was expected for.

import { useLocation } from "preact-iso/router";
import { useList } from "../api/list.ts";
import type { AgentRequest } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { huntPath } from "../parts/hunts.tsx";
import { State } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Num, Text, When } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { bytes, duration } from "../text/format.ts";
import { zone } from "../text/time.ts";

function took(request: AgentRequest): number | null {
  if (!request.started || !request.ended) return null;
  return Date.parse(request.ended) - Date.parse(request.started);
}

function requestColumns(agent: string, kind: "hunt" | "profile"): Column<AgentRequest>[] {
  const path = (request: AgentRequest) =>
    kind === "hunt"
      ? huntPath(request.id)
      : `/profiles/${encodeURIComponent(request.id)}/${encodeURIComponent(agent)}`;
  const columns: Column<AgentRequest>[] = [
    { id: "state", title: "State", width: "112px", cell: (request) => <State of={request.state} /> },
    {
      id: "id",
      title: kind === "hunt" ? "Hunt" : "Profile",
      width: "92px",
      cell: (request) => <Id of={request.id} href={path(request)} />,
    },
    {
      id: "subject",
      title: kind === "hunt" ? "Where" : "Kinds",
      width: "minmax(110px, 1fr)",
      cell: (request) => <Text of={request.subject} most={120} />,
    },
    {
      id: "target",
      title: "Target",
      width: "minmax(100px, 1fr)",
      spare: 2,
      cell: (request) => <Text of={request.target} most={120} />,
    },
    {
      id: "operator",
      title: "By",
      width: "80px",
      cell: (request) => <Text of={request.operator} most={30} />,
    },
    {
      id: "issued",
      title: `Signed (${zone()})`,
      width: "134px",
      cell: (request) => <When of={request.issued} />,
    },
    {
      id: "took",
      title: "Took",
      width: "90px",
      align: "right",
      cell: (request) => <Num of={took(request)} as={duration} />,
    },
    {
      id: "code",
      title: "Why",
      width: "100px",
      spare: 4,
      cell: (request) => (request.code ? <Text of={request.code} most={40} /> : null),
    },
  ];
  if (kind === "profile") return columns;
  return [
    ...columns,
    {
      id: "rows",
      title: "Rows",
      width: "86px",
      align: "right",
      cell: (request) => <Num of={request.rows} />,
    },
    {
      id: "matched",
      title: "Matched",
      width: "72px",
      align: "right",
      cell: (request) => <Num of={request.matched} />,
    },
    {
      id: "errors",
      title: "Errors",
      width: "70px",
      align: "right",
      cell: (request) => <Num of={request.errors} />,
    },
    {
      id: "cpu",
      title: "CPU",
      width: "86px",
      align: "right",
      cell: (request) => <Num of={request.cpu_ms} as={duration} />,
    },
    {
      id: "read",
      title: "Read",
      width: "80px",
      align: "right",
      spare: 4,
      cell: (request) => <Num of={request.bytes_read} as={bytes} />,
    },
  ];
}

/** Hunts or profiles of an agent. */
export function Requests({
  id,
  kind,
  topic,
}: {
  id: string;
  kind: "hunt" | "profile";
  topic: string | undefined;
}) {
  const { route } = useLocation();
  const list = useList<AgentRequest>(
    `/agents/${encodeURIComponent(id)}/requests`,
    { kind },
    { topic, restMs: 3000 },
    (one) => one.id,
  );
  if (list.failure && list.items.length === 0) return <ErrorBox of={list.failure} retry={list.reload} />;
  const open = (request: AgentRequest) =>
    route(
      kind === "hunt"
        ? huntPath(request.id)
        : `/profiles/${encodeURIComponent(request.id)}/${encodeURIComponent(id)}`,
    );
  return (
    <>
      <Table
        label={kind === "hunt" ? "Hunts of this agent" : "Profiles of this agent"}
        columns={requestColumns(id, kind)}
        rows={list.items}
        id={(request) => request.id}
        total={list.total}
        onOpen={open}
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? null : kind === "hunt" ? (
            <Empty title="No hunt expected this agent">
              <p>
                <a href={`/hunts/new?target=${encodeURIComponent(`id:${id}`)}`}>Launch one on it</a>.
              </p>
            </Empty>
          ) : (
            <Empty title="No profile was taken of this agent">
              <p>
                <a href={`/profiles/new?agent=${encodeURIComponent(id)}`}>Take one</a>: it shows down to
                function and line where the time goes.
              </p>
            </Empty>
          )
        }
      />
      <Command text={command(["agents", "requests", id], { kind })} />
    </>
  );
}
