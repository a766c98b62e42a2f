//! Why a hunt is where it is: what it waits for, what went wrong, and what would change it.

import type { HuntWhy as Document, Finding } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Command } from "../parts/copy.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { Text } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { count } from "../text/format.ts";
import { agentPath } from "./overview-lists.tsx";

/** The tab. */
export function HuntWhy({ id, isDone }: { id: string; isDone: boolean }) {
  const again = isDone ? { mark: isDone } : { mark: isDone, everyMs: 10_000 };
  const answer = useGet<Document>(`/hunts/${encodeURIComponent(id)}/why`, {}, again);
  return (
    <Show of={answer}>
      {(why) => (
        <Panel
          title={<Text of={why.summary} most={300} />}
          asOf={why.as_of}
          command={command(["hunt", "why", id])}
        >
          {why.findings.length === 0 ? <p>There is nothing to explain.</p> : null}
          <ul class="findings">
            {why.findings.map((finding) => (
              <li key={`${finding.kind} ${finding.code} ${finding.says}`}>
                <One of={finding} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </Show>
  );
}

function One({ of }: { of: Finding }) {
  const more = Number(of.agents) - of.named.length;
  return (
    <>
      <p>
        <Text of={of.says} most={1000} />
      </p>
      {of.named.length > 0 ? (
        <p class="quiet">
          {of.named.map((agent, at) => (
            <span key={agent}>
              {at > 0 ? ", " : ""}
              <a href={agentPath(agent)}>
                <Text of={agent} most={60} />
              </a>
            </span>
          ))}
          {more > 0 ? ` and ${count(more)} more` : ""}
        </p>
      ) : null}
      {of.try.startsWith("muster ") ? (
        <Command text={of.try} />
      ) : of.try ? (
        <p class="quiet">
          <Text of={of.try} most={300} />
        </p>
      ) : null}
    </>
  );
}
