//! Tabs of the agent's page: what it can do and may do, and everything the API says of it.

import { isPlain, writeJson } from "../api/json.ts";
import type { AgentView } from "../api/types.ts";
import { Empty } from "../parts/boxes.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { Panel } from "../parts/panel.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { Text } from "../parts/text.tsx";
import { cut, escapeLaidOut } from "../text/escape.ts";

/** Characters of a document that are drawn. */
const DRAWN_MAX = 200_000;

/** A JSON document, whole and exact. */
export function Raw({ of, title }: { of: unknown; title: string }) {
  const text = writeJson(of);
  return (
    <Panel title={title} actions={<CopyButton text={text} label="Copy as JSON" />}>
      <pre class="raw" tabIndex={0}>
        {cut(escapeLaidOut(text), DRAWN_MAX)}
      </pre>
    </Panel>
  );
}

/** A tree of names and values of which the page knows nothing. */
export function Tree({ of }: { of: unknown }) {
  if (of instanceof Map) return <Tree of={Object.fromEntries(of)} />;
  if (Array.isArray(of)) {
    return of.length ? (
      <ul class="tree">
        {of.slice(0, 500).map((one, at) => (
          <li key={at}>
            <Tree of={one} />
          </li>
        ))}
      </ul>
    ) : (
      <span class="none">none</span>
    );
  }
  if (isPlain(of)) {
    return (
      <dl class="tree">
        {Object.entries(of)
          .slice(0, 500)
          .map(([name, value]) => (
            <div key={name}>
              <dt>
                <Text of={name} most={80} />
              </dt>
              <dd>
                <Tree of={value} />
              </dd>
            </div>
          ))}
      </dl>
    );
  }
  if (of === null || of === undefined) return <span class="none">–</span>;
  return <Text of={String(of)} most={4000} />;
}

/** What an agent can do, and what its policy allows. */
export function Capabilities({ of }: { of: AgentView }) {
  const policy = (of as AgentView & { policy?: unknown }).policy;
  return (
    <>
      <Panel title="What it can do">
        <Chips>
          {of.capabilities.map((one) => (
            <Chip key={one}>
              <Text of={one} most={60} />
            </Chip>
          ))}
        </Chips>
        {of.capabilities.length === 0 ? <Empty title="It has not told yet" /> : null}
      </Panel>
      <Panel title="What its policy allows">
        {policy ? (
          <Tree of={policy} />
        ) : (
          <p class="quiet">
            It has not reported its policy: an agent does with its first sample and every ten minutes, from
            version 0.10 on. The policy is in <code>policy.toml</code> on its machine, and only there can it
            be changed.
          </p>
        )}
      </Panel>
    </>
  );
}
