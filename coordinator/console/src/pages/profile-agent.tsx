//! One agent's profile: what it cost and lost, and its views.

import type { ComponentChildren } from "preact";
import { path } from "../api/client.ts";
import type { ProfileAgentView, ProfileKindView, ProfileView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { ControlButton } from "../forms/control.tsx";
import { Empty } from "../parts/boxes.tsx";
import { Page } from "../parts/page.tsx";
import { Show } from "../parts/panel.tsx";
import { State } from "../parts/states.tsx";
import { Id, Moment, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { KINDS, kindOf } from "../profile/kinds.ts";
import { ofAgent } from "../profile/source.ts";
import { Views } from "../profile/views.tsx";
import { command } from "../text/command.ts";
import { cut, escaped } from "../text/escape.ts";
import { bytes, count, duration, percent } from "../text/format.ts";

/** States from which nothing more comes. */
const ENDED: ReadonlySet<string> = new Set(["finished", "failed", "declined", "expired", "cancelled"]);

/** The page: `/profiles/ID/AGENT`. */
export function ProfileOfAgent({ params }: { params: { id: string; agent: string } }) {
  const again = { topic: "profiles" };
  const answer = useGet<ProfileView>(`/profiles${path(params.id)}`, {}, again);
  const agent = params.agent === "-" ? (answer.data?.agents[0]?.agent ?? "") : params.agent;
  return (
    <Page
      title={`Profile of ${agent}`}
      head={
        <h1>
          Profile <Id of={params.id} href={`/profiles${path(params.id)}`} />
        </h1>
      }
      actions={answer.data ? <Others profile={answer.data} agent={agent} /> : undefined}
    >
      <Show of={answer}>
        {(profile) => <OfAgent profile={profile} wanted={params.agent} reload={answer.reload} />}
      </Show>
    </Page>
  );
}

function OfAgent({ profile, wanted, reload }: { profile: ProfileView; wanted: string; reload: () => void }) {
  const address = useAddress();
  const part =
    wanted === "-"
      ? profile.agents[0]
      : (profile.agents.find((one) => one.agent === wanted) ?? startsWith(profile, wanted));
  if (!part) {
    return (
      <Empty title={cut(escaped(`No part of ${wanted} is in this profile`), 200)}>
        <p>
          <a href={`/profiles${path(profile.id)}`}>See which agents are.</a>
        </p>
      </Empty>
    );
  }
  const stored = part.profiles.filter((one) => Number(one.bytes) > 0).map((one) => one.kind);
  const order = [...KINDS.map((kind) => kind.id)];
  const kinds = [...stored].sort((a, b) => rank(order, a) - rank(order, b));
  const kind = kinds.includes(address.get("kind")) ? address.get("kind") : (kinds[0] ?? "");
  const shown = part.profiles.find((one) => one.kind === kind);
  const name = `profile-${profile.id.slice(0, 8)}-${part.agent}-${kind}`.replace(/[^\w.-]/g, "_");
  return (
    <>
      <Cost profile={profile} part={part} kind={shown} />
      {kind ? (
        <Views
          source={ofAgent(profile.id, part.agent, kind, address.get("value"))}
          kinds={kinds}
          kind={kind}
          label={`${kindOf(kind).title} profile of ${part.agent}`}
          name={name}
          profile={profile.id}
          bundle={command(["profile", "bundle", profile.id], { agent: part.agent })}
        />
      ) : (
        <NothingYet profile={profile} part={part} reload={reload} />
      )}
    </>
  );
}

function startsWith(profile: ProfileView, wanted: string): ProfileAgentView | undefined {
  const found = profile.agents.filter((one) => one.agent.startsWith(wanted));
  return found.length === 1 ? found[0] : undefined;
}

function rank(order: string[], kind: string): number {
  const at = order.indexOf(kind);
  return at < 0 ? order.length : at;
}

/** Where else one goes from here. */
function Others({ profile, agent }: { profile: ProfileView; agent: string }) {
  const kind = useAddress().get("kind");
  const params = (of: string) => new URLSearchParams(kind ? { of, kind } : { of }).toString();
  return (
    <>
      {profile.agents.length > 1 ? (
        <a class="button" href={`/profiles/merge?${params(profile.id)}`}>
          All {count(profile.agents.length)} agents as one
        </a>
      ) : null}
      <a class="button" href={`/profiles/compare?${params(`${profile.id}/${agent}`)}`}>
        Compare
      </a>
    </>
  );
}

/** What the profile cost and lost. */
function Cost({
  profile,
  part,
  kind,
}: {
  profile: ProfileView;
  part: ProfileAgentView;
  kind: ProfileKindView | undefined;
}) {
  const facts: [string, ComponentChildren][] = [
    [
      "agent",
      <span key="agent">
        <a href={`/agents${path(part.agent)}`}>
          <Text of={part.agent} most={60} />
        </a>{" "}
        <Text of={part.host} most={40} />
      </span>,
    ],
    ["state", <State key="state" of={part.state} />],
  ];
  if (kind?.window_start) {
    facts.push([
      "window",
      <span key="window">
        <Moment of={kind.window_start} /> · {length(kind)}
        {kind.hertz > 0 ? ` at ${count(kind.hertz)} Hz` : null}
        {kind.partial ? <b class="warn"> cut short</b> : null}
      </span>,
    ]);
  }
  if (kind && kindOf(kind.kind).values.length > 0) {
    facts.push(
      ["samples", <Lost key="samples" of={kind} />],
      ["process", <span key="process">{duration(kind.cpu_ms)} CPU over the window</span>],
      [
        "sampling",
        <span
          key="sampling"
          title={`${count(kind.handler_runs)} samples in ${count(kind.handler_us)} µs, sweeper ${count(kind.sweeper_us)} µs`}
        >
          cost {percent(kind.sampling_percent)} of a core
          {part.own_cpu_ms === null || part.own_cpu_ms === undefined
            ? ""
            : ` and ${duration(part.own_cpu_ms)} for the blobs`}
        </span>,
      ],
    );
  }
  if (kind) facts.push(["size", <span key="size">{bytes(kind.bytes)}</span>]);
  facts.push([
    "asked for",
    <span key="asked">
      <Moment of={profile.issued} /> by <Text of={profile.operator} most={40} />
    </span>,
  ]);
  return (
    <dl class="costs">
      {facts.map(([title, value]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {part.reason ? (
        <div class="wide">
          <dt>why</dt>
          <dd class="warn">
            <Text of={part.reason} most={400} />
          </dd>
        </div>
      ) : null}
    </dl>
  );
}

function length(kind: ProfileKindView): string {
  const [start, end] = [Date.parse(kind.window_start ?? ""), Date.parse(kind.window_end ?? "")];
  return Number.isFinite(end - start) ? duration(end - start) : "not over";
}

function Lost({ of }: { of: ProfileKindView }) {
  const lost = Number(of.lost);
  const all = Number(of.samples) + lost;
  return (
    <span>
      {count(of.samples)}
      {lost > 0 ? (
        <b class="warn">
          {" "}
          {count(lost)} lost ({percent((lost * 100) / all)})
        </b>
      ) : (
        <span class="quiet">, none lost</span>
      )}
    </span>
  );
}

function NothingYet({
  profile,
  part,
  reload,
}: {
  profile: ProfileView;
  part: ProfileAgentView;
  reload: () => void;
}) {
  const isOver = profile.done || ENDED.has(part.state);
  const kinds = profile.kinds.map((kind) => kindOf(kind).title).join(", ");
  return (
    <Empty title={isOver ? "Nothing was sampled" : "The profile is being taken"}>
      <p>
        {isOver
          ? "The agent has sent no part of it; the reason, where there is one, stands above."
          : `${kinds}, for ${count(profile.seconds)} s at ${count(profile.hertz)} Hz. This page shows it when the agent has sent it.`}
      </p>
      {isOver ? null : <ControlButton verb="cancel" kind="profile" id={profile.id} onDone={reload} />}
    </Empty>
  );
}
