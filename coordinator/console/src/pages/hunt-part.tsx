//! One agent's part in a hunt, at the side of the list: every figure, every reason.

import type { CollectionView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Facts, Show } from "../parts/panel.tsx";
import { State } from "../parts/states.tsx";
import { Moment, Text, When } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { bytes, count, duration, NONE } from "../text/format.ts";
import { Raw } from "./agent-raw.tsx";
import { agentPath } from "./overview-lists.tsx";

/** One attempt of an agent, as a coordinator that knows them tells. */
interface Attempt {
  attempt: string;
  counts: boolean;
  host: string;
  state: string;
  reason: string;
  rows: number;
  started: string | null;
  ended: string | null;
}
type Part = CollectionView & { attempts_known?: Attempt[] };

/** The panel. */
export function PartPanel({ hunt, agent, onClose }: { hunt: string; agent: string; onClose: () => void }) {
  const answer = useGet<Part>(
    `/hunts/${encodeURIComponent(hunt)}/agents/${encodeURIComponent(agent)}`,
    {},
    { everyMs: 5000 },
  );
  return (
    <aside class="panel detail" aria-label="The agent's part">
      <header>
        <h2>
          <a href={agentPath(agent)}>
            <Text of={agent} most={60} />
          </a>
        </h2>
        <span class="space" />
        <button type="button" class="bare" onClick={onClose} aria-label="Close">
          <Icon name="cross" />
        </button>
      </header>
      <div class="content">
        <Show of={answer}>{(part) => <Body of={part} />}</Show>
      </div>
    </aside>
  );
}

function Body({ of }: { of: Part }) {
  const reasons: [string, Map<string, number> | undefined][] = [
    ["Errors", of.reasons?.errors],
    ["Filtered", of.reasons?.filtered],
    ["Skipped", of.reasons?.skipped],
    ["Not judged", of.reasons?.unjudged],
    ["Not uploaded", of.reasons?.not_uploaded],
    ["Waits", of.spent?.waits_ms],
  ];
  return (
    <>
      <p>
        <State of={of.state} /> <Text of={of.reason || of.code} most={2000} />
      </p>
      <Facts
        of={[
          ["path", <Text key="p" of={of.path} most={4000} />],
          ["started", <Moment key="s" of={of.started} />],
          ["ended", <Moment key="e" of={of.ended} />],
          ["entries", count(of.seen)],
          ["hashed", `${count(of.hashed)}, ${count(of.cached ?? 0)} from its cache`],
          ["rows", count(of.rows)],
          [
            "chunks",
            `${count(of.chunks_stored)} of ${of.chunks === null || of.chunks === undefined ? NONE : count(of.chunks)}`,
          ],
          ["read", bytes(of.bytes_read)],
          ["CPU", duration(of.cpu_ms)],
          ["throttled", duration(of.throttled_ms)],
          ["resumed", count(of.resumed)],
          ["attempts", count(of.attempts)],
        ]}
      />
      {reasons.map(([title, map]) =>
        map?.size ? (
          <section key={title}>
            <h3>{title}</h3>
            <Facts of={[...map].map(([name, n]) => [name, title === "Waits" ? duration(n) : count(n)])} />
          </section>
        ) : null,
      )}
      {(of.attempts_known?.length ?? 0) > 1 ? (
        <section>
          <h3>Attempts</h3>
          <ul class="attempts">
            {of.attempts_known?.map((attempt) => (
              <li key={attempt.attempt}>
                <State of={attempt.state} /> <Text of={attempt.host} most={40} />,{" "}
                <When of={attempt.started} />, {count(attempt.rows)} rows{attempt.counts ? ", counts" : ""}
                {attempt.reason ? ": " : ""}
                {attempt.reason ? <Text of={attempt.reason} most={300} /> : null}
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <Command text={command(["hunt", "show", of.hunt], { agent: of.agent })} />
      <details>
        <summary>All fields</summary>
        <Raw of={of} title="Part" />
      </details>
    </>
  );
}
