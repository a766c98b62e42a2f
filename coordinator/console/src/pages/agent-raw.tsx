//! A document as it is: the tab with everything the API says, and trees of what the page knows nothing of.

import { isPlain, writeJson } from "../api/json.ts";
import { CopyButton } from "../parts/copy.tsx";
import { Panel } from "../parts/panel.tsx";
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
