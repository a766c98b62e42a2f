//! The tab with what an agent can do, what its machine's policy allows, and how far it has read the requests.

import type { AgentView, PolicyView } from "../api/types.ts";
import { Empty } from "../parts/boxes.tsx";
import { Facts, Panel } from "../parts/panel.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { Age, Id, Text } from "../parts/text.tsx";
import { cut, escaped } from "../text/escape.ts";
import { count, NONE, plural } from "../text/format.ts";

/** Words of an endpoint, each as it is. */
function Words({ of }: { of: readonly string[] }) {
  return (
    <Chips>
      {of.map((one) => (
        <Chip key={one}>
          <Text of={one} most={60} />
        </Chip>
      ))}
    </Chips>
  );
}

/** What an agent can do, may do, and has read. */
export function Capabilities({ of }: { of: AgentView }) {
  return (
    <>
      <Panel title="What it can do">
        {of.capabilities.length ? <Words of={of.capabilities} /> : <Empty title="It has not told yet" />}
      </Panel>
      <Panel title="What its policy allows">
        {of.policy ? (
          <Allowed of={of.policy} />
        ) : (
          <p class="quiet">
            It has not reported its policy: an agent does with its first sample and every ten minutes; one of
            an older version does not. The policy is in <code>policy.toml</code> on its machine, and only
            there can it be changed.
          </p>
        )}
      </Panel>
      <Panel title="What it has read">
        <HasRead of={of} />
      </Panel>
    </>
  );
}

function Allowed({ of }: { of: PolicyView }) {
  const words = (what: string, named: readonly string[] | null | undefined) =>
    named ? named.length ? <Words of={named} /> : "none" : `all ${what}`;
  return (
    <Facts
      of={[
        ["reported", <Age key="1" of={of.received} />],
        ["is carried out", words("kinds of request", of.capabilities)],
        ["may be collected", words("artifacts that its folders do not forbid", of.artifacts)],
        ["command lines of processes", of.shows_cmdline ? "shown" : "not shown"],
        ["allowed folders", <Folders key="2" rules={of.allow_rules} named={of.allow_roots} none="all" />],
        ["denied folders", <Folders key="3" rules={of.deny_rules} named={of.deny_roots} none="none" />],
        ...[...of.bounds].map(([key, bound]): [string, string] => [cut(escaped(key), 60), count(bound)]),
      ]}
    />
  );
}

/** The folders of one kind: how many, and which where the machine's owner tells them (`tell_folders`). */
function Folders({
  rules,
  named,
  none,
}: {
  rules: number | null | undefined;
  named: readonly string[] | null | undefined;
  none: string;
}) {
  if (rules === null || rules === undefined) return <>{none}</>;
  if (!named?.length) return <>{count(rules)}</>;
  const left = Number(rules) - named.length;
  return (
    <>
      <Words of={named} />
      {left > 0 ? <span class="quiet">and {plural(left, "other")}</span> : null}
    </>
  );
}

/** Where it stands on the stream of requests, and under which journals it was heard. */
function HasRead({ of }: { of: AgentView }) {
  const stream = of.stream;
  const journals = of.journals ?? [];
  const gap =
    stream?.gap_first !== null && stream?.gap_first !== undefined
      ? `${count(stream.gap_first)} to ${count(stream.gap_last)} were gone before it read them`
      : "nothing";
  return (
    <Facts
      of={[
        ["last request of the stream", stream ? count(stream.offset) : NONE],
        ["was lost to it", stream ? gap : NONE],
        [
          "journals, the latest first",
          journals.length
            ? journals.map((one) => (
                <div key={one.journal}>
                  <Id of={one.journal} /> <Age of={one.last_seen} />
                </div>
              ))
            : NONE,
        ],
      ]}
    />
  );
}
