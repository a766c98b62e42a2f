//! One agent: how it is, what it cost, what runs and ran on it.

import type { AgentView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { ErrorBox, Loading } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Facts, Panel } from "../parts/panel.tsx";
import { State } from "../parts/states.tsx";
import { Chip, Chips, Tabs } from "../parts/tabs.tsx";
import { Age, Id, Moment, Text } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { bytes, count, NONE } from "../text/format.ts";
import { AgentCurve } from "./agent-curve.tsx";
import { Requests } from "./agent-lists.tsx";
import { Capabilities } from "./agent-policy.tsx";
import { Raw } from "./agent-raw.tsx";
import { RevokeButton } from "./agent-revoke.tsx";
import { Running } from "./agent-running.tsx";
import { Uploads } from "./agent-uploads.tsx";

/** The page. */
export function Agent({ params }: { params: { id: string } }) {
  const { id } = params;
  const answer = useGet<AgentView>(
    `/agents/${encodeURIComponent(id)}`,
    {},
    { topic: `agent:${id}`, restMs: 2000 },
  );
  const agent = answer.data;
  if (!agent) {
    return (
      <Page title={id}>
        {answer.failure ? <ErrorBox of={answer.failure} retry={answer.reload} /> : <Loading />}
        {answer.failure ? (
          <p>
            <a href={`/agents?q=${encodeURIComponent(id)}`}>Agents whose id, name or host contains this</a>
          </p>
        ) : null}
      </Page>
    );
  }
  const topic = `agent:${agent.id}`;
  const name = encodeURIComponent(agent.id);
  return (
    <Page
      title={agent.host || agent.name}
      head={
        <>
          <h1>
            <Text of={agent.host || agent.name} most={120} />
          </h1>
          <State of={agent.state} />
          <Id of={agent.id} />
        </>
      }
      actions={
        <>
          <RevokeButton of={agent} onDone={answer.reload} />
          <a class="button" href={`/profiles/new?agent=${name}`}>
            <Icon name="flame" />
            New profile
          </a>
          <a class="button primary" href={`/hunts/new?target=${encodeURIComponent(`id:${agent.id}`)}`}>
            <Icon name="hunts" />
            New hunt
          </a>
        </>
      }
    >
      <Head of={agent} asOf={answer.asOf} />
      <AgentCurve id={agent.id} topic={topic} />
      <Tabs
        tabs={[
          {
            id: "running",
            title: "Running now",
            count: agent.collections ? count(agent.collections) : undefined,
            render: () => <Running id={agent.id} topic={topic} />,
          },
          { id: "hunts", title: "Hunts", render: () => <Requests id={agent.id} kind="hunt" topic={topic} /> },
          {
            id: "profiles",
            title: "Profiles",
            render: () => <Requests id={agent.id} kind="profile" topic={topic} />,
          },
          { id: "uploads", title: "Uploads", render: () => <Uploads id={agent.id} /> },
          { id: "capabilities", title: "Capabilities and policy", render: () => <Capabilities of={agent} /> },
          {
            id: "raw",
            title: "Raw",
            render: () => <Raw of={agent} title={`GET /api/v1/agents/${agent.id}`} />,
          },
        ]}
      />
    </Page>
  );
}

/** Writes a clock's offset with its sign. */
function offset(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NONE;
  const n = Number(ms);
  return `${n < 0 ? "−" : "+"}${count(Math.abs(n))} ms`;
}

function Head({ of, asOf }: { of: AgentView; asOf: string | undefined }) {
  const labels = [...(of.labels ?? [])];
  return (
    <Panel title="What it is" asOf={asOf} command={command(["agents", "show", of.id])}>
      {[of.cause, of.quarantine ?? "", ...(of.notes ?? [])].filter(Boolean).map((note) => (
        <p key={note} class="warn">
          <Icon name="alert" /> <Text of={note} most={600} />
        </p>
      ))}
      {of.journal_full ? (
        <p class="bad">
          <Icon name="alert" /> It cannot write its journal: requests are declined until there is room.
        </p>
      ) : null}
      <Facts
        of={[
          ["last heard", <Age key="1" of={of.last_seen} />],
          ["system", <Text key="2" of={`${of.os} ${of.arch}`} />],
          ["version", <Text key="3" of={of.version} />],
          ["name", <Text key="4" of={of.name} />],
          [
            "clock",
            <span key="5" title="Its clock less the coordinator's, network included">
              {offset(of.clock_offset_ms)}
            </span>,
          ],
          ["outbox", bytes(of.outbox_bytes)],
          ["enrolled", <Moment key="6" of={of.enrolled} />],
          ["machine", of.machine ? <Id key="7" of={of.machine} /> : NONE],
        ]}
      />
      {labels.length ? (
        <Chips>
          {labels.slice(0, 60).map(([key, value]) => (
            <Chip key={key}>
              <a href={`/agents?target=${encodeURIComponent(`label:${key}=${value}`)}`} class="label">
                <span class="quiet">
                  <Text of={key} most={40} />
                </span>{" "}
                {value ? <Text of={value} most={60} /> : null}
              </a>
            </Chip>
          ))}
          {labels.length > 60 ? <span class="quiet">{count(labels.length - 60)} more: see Raw</span> : null}
        </Chips>
      ) : null}
      {of.state === "new" ? <NotStarted of={of} /> : null}
    </Panel>
  );
}

function NotStarted({ of }: { of: AgentView }) {
  return (
    <>
      <p class="quiet">
        It was enrolled and has never been heard of. Install the agent on its machine with the bundle of its
        enrolment:
      </p>
      <Command text={`muster-agent run --config bundles/${of.id}/agent.toml`} />
    </>
  );
}
