//! Whom a request is for: an expression with its live count.

import { Command } from "../parts/copy.tsx";
import { Panel } from "../parts/panel.tsx";
import { type Entry, TextField } from "./field.tsx";
import { textOf } from "./fields.ts";
import { type Previewed, PreviewPanel, WrongAt } from "./preview.tsx";

/** The field of the expression, marked where it does not parse. */
export function ExpressionField({ entry, previewed }: { entry: Entry; previewed: Previewed }) {
  const expr = textOf(entry.typed, "target");
  const error = previewed.isOld ? undefined : previewed.preview?.error;
  return (
    <>
      <TextField
        entry={entry}
        name="target"
        label="Agents that match"
        hint="all"
        about={
          <>
            An expression: <code>label:db and not os:windows</code>, <code>host:web-*</code>,{" "}
            <code>id:agent-1</code>, <code>version:0.1.*</code>. Empty means all.
          </>
        }
      />
      {error ? <WrongAt expr={expr} at={Number(error.at)} why={error.why} /> : null}
    </>
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
