//! What a hunt cost: how each figure is spread over its agents, the worst ones, and where time was waited.

import type { Distribution, HuntCosts as Document } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { Facts, Panel, Show } from "../parts/panel.tsx";
import { Histogram, Share } from "../parts/spark.tsx";
import { Text } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { bytes, count, duration, type Figure } from "../text/format.ts";
import { agentPath } from "./overview-lists.tsx";

/** Worst agents that are shown until all are asked for. */
const WORST = 5;

const WAITS: ReadonlyMap<string, string> = new Map([
  ["limit", "its own limits"],
  ["outbox", "a full outbox"],
  ["journal", "the journal"],
  ["peers", "other threads of the agent"],
  ["open", "opening files"],
  ["read", "reading files"],
  ["list", "listing folders"],
  ["processor", "a free processor"],
  ["other", "anything else"],
]);

/** The tab. */
export function HuntCosts({ id, isDone }: { id: string; isDone: boolean }) {
  const again = isDone ? { mark: isDone } : { mark: isDone, everyMs: 15_000 };
  const answer = useGet<Document>(`/hunts/${encodeURIComponent(id)}/costs`, {}, again);
  return <Show of={answer}>{(costs) => <Body of={costs} />}</Show>;
}

function Body({ of }: { of: Document }) {
  const parts: [string, Distribution, (figure: Figure) => string][] = [
    ["CPU", of.cpu_ms, duration],
    ["Duration", of.duration_ms, duration],
    ["Bytes read", of.bytes_read, bytes],
    ["Rows", of.rows, count],
    ["Throttled", of.throttled_ms, duration],
  ];
  if (parts.every(([, part]) => Number(part.count) === 0)) {
    return (
      <Empty title="No part has ended yet">
        <p>Costs are of the footers that agents send when their part ends.</p>
      </Empty>
    );
  }
  const waits = [...(of.waits_ms ?? [])].sort((a, b) => Number(b[1]) - Number(a[1]));
  const most = Math.max(1, ...waits.map(([, ms]) => Number(ms)));
  return (
    <div class="costgrid">
      {parts.map(([title, part, as]) => (
        <One key={title} title={title} of={part} as={as} asOf={of.as_of} />
      ))}
      <Panel title="Where threads waited" asOf={of.as_of} command={command(["hunt", "costs", of.hunt])}>
        {waits.length === 0 ? <p class="quiet">Nothing was told of it.</p> : null}
        <dl class="waits">
          {waits.map(([cause, ms]) => (
            <div key={cause}>
              <dt title={cause}>{WAITS.get(cause) ?? <Text of={cause} most={40} />}</dt>
              <dd>
                <Share of={Number(ms)} most={most}>
                  {duration(ms)}
                </Share>
              </dd>
            </div>
          ))}
        </dl>
      </Panel>
    </div>
  );
}

function One({
  title,
  of,
  as,
  asOf,
}: {
  title: string;
  of: Distribution;
  as: (figure: Figure) => string;
  asOf: string;
}) {
  const worst = (some: Distribution["worst"]) =>
    some.map((one) => (
      <li key={one.agent}>
        <a href={agentPath(one.agent)}>
          <Text of={one.host || one.agent} most={50} />
        </a>
        <span class="num">{as(one.value)}</span>
      </li>
    ));
  return (
    <Panel title={title} asOf={asOf}>
      <Histogram
        label={title}
        bars={of.buckets.map((bucket) => ({ label: as(bucket.at_most), count: Number(bucket.count) }))}
      />
      <div class="axis quiet">
        <span>{as(of.buckets[0]?.at_most)}</span>
        <span>{as(of.buckets.at(-1)?.at_most)}</span>
      </div>
      <Facts
        of={[
          ["p50", as(of.p50)],
          ["p95", as(of.p95)],
          ["p99", as(of.p99)],
          ["max", as(of.max)],
          ["sum", as(of.sum)],
          ["of", `${count(of.count)} parts`],
        ]}
      />
      <h3>Worst</h3>
      <ul class="worst">{worst(of.worst.slice(0, WORST))}</ul>
      {of.worst.length > WORST ? (
        <details>
          <summary>{of.worst.length - WORST} more</summary>
          <ul class="worst">{worst(of.worst.slice(WORST))}</ul>
        </details>
      ) : null}
    </Panel>
  );
}
