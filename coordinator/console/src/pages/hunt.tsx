//! One hunt: its twelve states, what was done so far, and everything that came of it.

import { useEffect, useState } from "preact/hooks";
import { subscribe } from "../api/live.ts";
import type { HuntView } from "../api/types.ts";
import { type Answer, useGet } from "../api/use.ts";
import { ControlButton, type Verb } from "../forms/control.tsx";
import { ErrorBox, Loading } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Panel, Stat } from "../parts/panel.tsx";
import { State, StateBar } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { Age, Id, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { bytes, count, duration, NONE } from "../text/format.ts";
import { standing } from "../text/standing.ts";
import { AuditList } from "./audit.tsx";
import { HuntAgents } from "./hunt-agents.tsx";
import { HuntCosts } from "./hunt-costs.tsx";
import { HuntErrors } from "./hunt-errors.tsx";
import { HuntFiles, HuntProfiles } from "./hunt-files.tsx";
import { HuntRequest } from "./hunt-request.tsx";
import { HuntRows } from "./hunt-rows.tsx";
import { HuntTimeline } from "./hunt-timeline.tsx";
import { HuntWhy } from "./hunt-why.tsx";

/** The browser draws a running hunt at most this often. */
const DRAW_MS = 250;

/** Asks for a hunt once and then takes what the stream brings: an older document never replaces a newer one. */
function useHunt(id: string): Answer<HuntView> {
  const asked = useGet<HuntView>(`/hunts/${encodeURIComponent(id)}`, {}, {});
  const [live, setLive] = useState<HuntView>();
  const whole = asked.data?.id;
  const { reload } = asked;
  useEffect(() => {
    if (!whole) return;
    let next: HuntView | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = subscribe(`hunt:${whole}`, (name, data) => {
      if (name !== "hunt") return reload();
      next = data as HuntView;
      timer ??= setTimeout(() => {
        timer = undefined;
        setLive(next);
      }, DRAW_MS);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [whole]);
  const isNewer = live && live.id === whole && Number(live.change) >= Number(asked.data?.change ?? 0);
  return isNewer ? { ...asked, data: live } : asked;
}

/** The page. */
export function Hunt({ params }: { params: { id: string } }) {
  const answer = useHunt(params.id);
  usePolled(answer);
  const hunt = answer.data;
  if (!hunt) {
    return (
      <Page title={`Hunt ${params.id}`}>
        {answer.failure ? <ErrorBox of={answer.failure} retry={answer.reload} /> : <Loading />}
        {answer.failure ? (
          <p>
            <a href={`/hunts?q=${encodeURIComponent(params.id)}`}>Hunts whose id begins with this</a>
          </p>
        ) : null}
      </Page>
    );
  }
  const name = encodeURIComponent(hunt.id);
  return (
    <Page
      title={`Hunt ${hunt.id.slice(0, 8)}`}
      head={
        <>
          <h1>
            <Text of={hunt.name || (hunt.roots[0] ?? hunt.artifact)} most={100} />
            {!hunt.name && hunt.roots.length > 1 ? (
              <span class="quiet"> +{hunt.roots.length - 1}</span>
            ) : null}
          </h1>
          <State {...standing(hunt)} />
          <Id of={hunt.id} />
          <span class="quiet">
            by <Text of={hunt.operator} most={40} />, <Age of={hunt.issued} />
            {hunt.case ? (
              <>
                , case <Text of={hunt.case} most={60} />
              </>
            ) : null}
          </span>
        </>
      }
      actions={
        <>
          <Controls of={hunt} onDone={answer.reload} />
          <a class="button" href={`/profiles/new?hunt=${name}`}>
            <Icon name="flame" />
            Profile it
          </a>
          <a class="button" href={`/hunts/new?from=${name}`}>
            <Icon name="copy" />
            Copy
          </a>
        </>
      }
    >
      <Standing of={hunt} />
      <HuntTimeline id={hunt.id} isDone={hunt.done} />
      <HuntTabs of={hunt} />
    </Page>
  );
}

/** What can be done with the hunt now. */
function Controls({ of, onDone }: { of: HuntView; onDone: () => void }) {
  if (of.done) return null;
  const isHeld = of.hold === "pause" || of.hold === "drain";
  const verbs: Verb[] = of.cancelled
    ? ["cancel"]
    : isHeld
      ? ["resume", "cancel"]
      : ["pause", "drain", "cancel"];
  return (
    <>
      {verbs.map((verb) => (
        <ControlButton key={verb} verb={verb} kind="hunt" id={of.id} onDone={onDone} />
      ))}
    </>
  );
}

/** Who has paused the hunt, and how many agents have applied it. */
function Held({ of }: { of: HuntView }) {
  const last = of.controls?.filter((control) => control.verb === of.hold).at(-1);
  if (of.done || !last || (of.hold !== "pause" && of.hold !== "drain")) return null;
  const { applied } = of;
  const isOfLast = applied && String(applied.revision) === String(last.revision);
  return (
    <p class="warn" data-held={of.hold}>
      <Icon name="pause" /> {of.hold === "pause" ? "Paused" : "Draining"} by{" "}
      <Text of={last.operator} most={40} />, <Age of={last.at} />
      {isOfLast ? (
        <>
          ; applied by {count(applied.applied)} of {count(applied.of)} agents
          {applied.waiting.length > 0 ? (
            <>
              , not by <Text of={applied.waiting.slice(0, 5).join(", ")} most={200} />
            </>
          ) : null}
        </>
      ) : null}
    </p>
  );
}

/** Without a stream a running hunt is asked for regularly. */
function usePolled(answer: Answer<HuntView>): void {
  const isDone = answer.data?.done ?? false;
  const { reload } = answer;
  useEffect(() => {
    if (isDone) return;
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, 5000);
    return () => clearInterval(timer);
  }, [isDone]);
}

function Standing({ of }: { of: HuntView }) {
  const address = useAddress();
  const done = of.progress;
  const isRunning = !of.done;
  return (
    <Panel title={<Target of={of} />} asOf={of.as_of} command={command(["hunt", "show", of.id])}>
      {of.note ? (
        <p>
          <Text of={of.note} most={2000} />
        </p>
      ) : null}
      <Held of={of} />
      {of.notes?.map((note) => (
        <p key={note} class="warn">
          <Icon name="alert" /> <Text of={note} most={600} />
        </p>
      ))}
      <StateBar
        states={of.states}
        targeted={of.targeted}
        chosen={address.get("tab") ? "" : address.get("state")}
        href={(state) => address.with({ tab: "", state: address.get("state") === state ? "" : state })}
      />
      <div class="stats">
        <Stat
          name="files hashed"
          value={count(done.files)}
          note={isRunning ? `${count(done.files_per_s)} a second` : `${count(done.seen)} entries met`}
        />
        <Stat
          name="read"
          value={bytes(done.bytes)}
          note={isRunning ? `${Number(done.mb_per_s).toFixed(1)} MB/s` : undefined}
        />
        <Stat
          name="rows stored"
          value={count(done.rows)}
          note={bytes(done.stored_bytes)}
          href={address.with({ tab: "rows", state: "" })}
        />
        <Stat
          name="matched"
          value={
            Number(of.ioc) ? (
              <span class={Number(done.matched) ? "bad" : ""}>{count(done.matched)}</span>
            ) : (
              NONE
            )
          }
          note={Number(of.ioc) ? `of a list of ${count(of.ioc)}` : "no list of hashes"}
          href={Number(of.ioc) ? address.with({ tab: "rows", match: "yes", state: "" }) : undefined}
        />
        <Stat
          name="errors"
          value={<span class={Number(done.errors) ? "warn" : ""}>{count(done.errors)}</span>}
          note="could not be read"
          href={address.with({ tab: "errors", state: "" })}
        />
        <Stat
          name="CPU"
          value={duration(done.cpu_ms)}
          note={`${duration(done.throttled_ms)} throttled`}
          href={address.with({ tab: "costs", state: "" })}
        />
      </div>
    </Panel>
  );
}

function Target({ of }: { of: HuntView }) {
  return (
    <>
      <Text of={of.artifact} most={30} /> on <Text of={of.target} most={160} />
    </>
  );
}

/** Parameters of the address that belong to one tab. */
const OWN = [
  "state",
  "code",
  "q",
  "sort",
  "row",
  "agent",
  "status",
  "errno",
  "match",
  "path",
  "hash",
  "kind",
  "min_size",
  "max_size",
  "newer",
  "older",
];

function HuntTabs({ of }: { of: HuntView }) {
  return (
    <Tabs
      clears={OWN}
      tabs={[
        { id: "agents", title: "Agents", count: count(of.targeted), render: () => <HuntAgents of={of} /> },
        { id: "rows", title: "Rows", count: count(of.progress.rows), render: () => <HuntRows of={of} /> },
        {
          id: "errors",
          title: "Errors",
          count: Number(of.progress.errors) ? count(of.progress.errors) : undefined,
          render: () => <HuntErrors of={of} />,
        },
        { id: "costs", title: "Costs", render: () => <HuntCosts id={of.id} isDone={of.done} /> },
        { id: "why", title: "Why", render: () => <HuntWhy id={of.id} isDone={of.done} /> },
        { id: "files", title: "Files", render: () => <HuntFiles id={of.id} /> },
        { id: "profiles", title: "Profiles", render: () => <HuntProfiles id={of.id} /> },
        { id: "request", title: "Request", render: () => <HuntRequest id={of.id} /> },
        { id: "audit", title: "Audit", render: () => <AuditList of={{ subject: of.id }} /> },
      ]}
    />
  );
}
