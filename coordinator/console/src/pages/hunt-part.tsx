//! One agent's part in a hunt, at the side of the list: every figure, every reason.

import type { CollectionView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Icon } from "../parts/icon.tsx";
import { Facts, Show } from "../parts/panel.tsx";
import { State } from "../parts/states.tsx";
import { Moment, Text } from "../parts/text.tsx";
import { bytes, count, duration, NONE } from "../text/format.ts";
import { Raw } from "./agent-raw.tsx";
import { agentPath } from "./overview-lists.tsx";

/** An answer of this endpoint is one part, or the part and its attempts. */
type Part = CollectionView & { attempts_all?: unknown };

/** The panel. */
export function PartPanel({
  hunt,
  agent,
  onClose,
}: {
  hunt: string;
  agent: string;
  onClose: () => void;
  onOpen: () => void;
}) {
  const answer = useGet<Part | Part[]>(
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
        <Show of={answer}>
          {(data) => {
            const part = Array.isArray(data) ? data[0] : data;
            return part ? <Body of={part} whole={data} /> : null;
          }}
        </Show>
      </div>
    </aside>
  );
}

function Body({ of, whole }: { of: Part; whole: unknown }) {
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
      <details>
        <summary>All fields</summary>
        <Raw of={whole} title="" />
      </details>
    </>
  );
}
