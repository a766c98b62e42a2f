//! Where nothing can be signed, a form ends in a draft file and the command for the operator's own machine.

import { useEffect, useMemo } from "preact/hooks";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { command } from "../text/command.ts";
import type { Form } from "./console.ts";
import { WhyNot } from "./review.tsx";

/** The verb that takes a draft of each kind. */
const VERBS: Record<Form["kind"], string[]> = {
  hunt: ["hunt", "launch"],
  profile: ["profile", "take"],
  hunt_cancel: ["hunt", "cancel"],
  profile_cancel: ["profile", "cancel"],
};

/** Offers the draft. */
export function Handover({ form, line, onBack }: { form: Form; line: string; onBack: () => void }) {
  const name = `${form.kind.replace("_", "-")}-draft.json`;
  const text = useMemo(
    () => `${JSON.stringify({ kind: form.kind, fields: form.fields }, null, 2)}\n`,
    [form],
  );
  const url = useMemo(() => URL.createObjectURL(new Blob([text], { type: "application/json" })), [text]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <Panel title="To be signed on your own machine">
      <WhyNot />
      <p>
        Take the draft there. The command shows what it is about to sign, and asks; read that, not this page:
        these pages cannot see your key.
      </p>
      <div class="toolbar">
        <a class="button" href={url} download={name}>
          <Icon name="download" /> {name}
        </a>
        <button type="button" onClick={onBack}>
          Back
        </button>
      </div>
      <Command text={command(VERBS[form.kind], { draft: name })} />
      <p>Or, in one line:</p>
      <Command text={line} />
      {form.lists?.length ? (
        <p class="warn">The lists of hashes are not in the draft: give each with --ioc FILE.</p>
      ) : null}
      <pre>{text}</pre>
    </Panel>
  );
}
