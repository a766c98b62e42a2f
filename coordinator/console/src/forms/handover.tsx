//! Where nothing can be signed, a form ends in a draft file and the command for the operator's own machine.

import { useEffect, useMemo } from "preact/hooks";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { command } from "../text/command.ts";
import type { Form } from "./console.ts";
import { WhyNot } from "./review.tsx";

/** The verb that takes a draft of each kind; a cancel is one line, and needs none. */
const VERBS: Partial<Record<Form["kind"], string[]>> = {
  hunt: ["hunt", "launch"],
  profile: ["profile", "take"],
};

interface Props {
  form: Form;
  /** The command that asks for the same. */
  line: string;
  /** Names of the lists of hashes: their files are not in the draft. */
  lists?: string[];
  onBack: () => void;
}

/** Offers the draft. */
export function Handover({ form, line, lists = [], onBack }: Props) {
  const verb = VERBS[form.kind];
  return (
    <Panel title="To be signed on your own machine">
      <WhyNot />
      {verb ? <DraftFile form={form} verb={verb} lists={lists} /> : <p>Give this command there:</p>}
      <Command text={line} />
      <div>
        <button type="button" onClick={onBack}>
          Back
        </button>
      </div>
    </Panel>
  );
}

function DraftFile({ form, verb, lists }: { form: Form; verb: string[]; lists: string[] }) {
  const name = `${form.kind}-draft.json`;
  const text = useMemo(
    () => `${JSON.stringify({ kind: form.kind, fields: form.fields, lists }, null, 2)}\n`,
    [form, lists],
  );
  const url = useMemo(() => URL.createObjectURL(new Blob([text], { type: "application/json" })), [text]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <>
      <p>
        Take the draft there. The command shows what it is about to sign, and asks; read that, not this page:
        these pages cannot see your key.
      </p>
      <div class="toolbar">
        <a class="button" href={url} download={name}>
          <Icon name="download" /> {name}
        </a>
      </div>
      <Command text={command([...verb], { draft: name, ioc: lists })} />
      {lists.length > 0 ? (
        <p class="quiet">The lists of hashes are not in the draft: each is given with --ioc.</p>
      ) : null}
      <pre>{text}</pre>
      <p>Or, without a file:</p>
    </>
  );
}
