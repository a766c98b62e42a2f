//! Whom a request is for: an expression with its live count.

import { Command } from "../parts/copy.tsx";
import { Panel } from "../parts/panel.tsx";
import { TargetBox } from "../parts/target.tsx";
import { Text } from "../parts/text.tsx";
import type { Entry } from "./field.tsx";
import { textOf } from "./fields.ts";
import { type Previewed, PreviewPanel, usePreview } from "./preview.tsx";

/** The field of the expression, with completion, marked where it does not parse. */
export function ExpressionField({ entry, previewed }: { entry: Entry; previewed: Previewed }) {
  const error = previewed.isOld ? undefined : (previewed.preview?.error ?? undefined);
  // What can be completed is what the whole fleet has.
  const fleet = usePreview("", "");
  const refused = entry.errors.target;
  return (
    <div class={error || refused ? "field wrong" : "field"} data-field="target">
      <span class="label">Agents that match</span>
      <TargetBox
        value={textOf(entry.typed, "target")}
        onChange={(target) => entry.set({ target })}
        facets={fleet.preview?.facets}
        error={error}
        placeholder="all"
        label="Agents that match"
      />
      {refused && !error ? (
        <p class="fielderror" role="alert">
          <Text of={refused} most={600} />
        </p>
      ) : null}
      <p class="about">
        An expression: <code>label:db and not os:windows</code>, <code>host:web-*</code>,{" "}
        <code>id:agent-1</code>, <code>version:0.1.*</code>. Empty means all.
      </p>
    </div>
  );
}

/** What stands beside a form: whom it would hit, and the command. */
export function Beside({
  previewed,
  line,
  title = "Would hit now",
}: {
  previewed: Previewed;
  line: string;
  title?: string;
}) {
  return (
    <Panel title={title}>
      <PreviewPanel of={previewed} />
      <Command text={line} />
    </Panel>
  );
}
