//! Many profiles as one: of agents, hunts, labels, versions or a span of time.

import { useState } from "preact/hooks";
import { Empty } from "../parts/boxes.tsx";
import { Page } from "../parts/page.tsx";
import { Panel } from "../parts/panel.tsx";
import { useAddress } from "../parts/url.ts";
import { KINDS } from "../profile/kinds.ts";
import { SelectionField } from "../profile/selection-field.tsx";
import { ofMany, type Selection } from "../profile/source.ts";
import { Views } from "../profile/views.tsx";

/** Kinds that can be put together. */
const STACKS = KINDS.filter((kind) => kind.values.length > 0).map((kind) => kind.id);

/** Spans of time that can be chosen, in seconds. */
export const SPANS: [string, string][] = [
  ["", "any time"],
  ["3600", "the last hour"],
  ["86400", "the last day"],
  ["604800", "the last week"],
  ["2592000", "the last 30 days"],
];

/** Returns the kind of stacks that an address chooses. */
export function stackKind(wanted: string): string {
  return STACKS.includes(wanted) ? wanted : "cpu";
}

/** The page: `/profiles/merge`. */
export function ProfileMerge() {
  const address = useAddress();
  const which: Selection = {
    of: address.get("of"),
    hunt: address.get("hunt"),
    target: address.get("target"),
    since_s: address.get("since_s"),
  };
  const kind = stackKind(address.get("kind"));
  const isAny = which.of || which.hunt || which.target || which.since_s;
  return (
    <Page title="Profiles as one">
      <Which which={which} onChange={(next) => address.set({ ...next, zoom: "", fn: "" })} />
      {isAny ? (
        <Views
          source={ofMany(which, kind, address.get("value"))}
          kinds={STACKS}
          kind={kind}
          label={`${kind} profiles as one`}
          name={`merged-${kind}`}
          isMerged
        />
      ) : (
        <Empty title="Choose what is put together">
          <p>
            At most 256 profiles that fit: by their ids, by the hunt that the work was done for, by the
            agents, by time. All that is given must hold.
          </p>
        </Empty>
      )}
    </Page>
  );
}

/** What is put together, as a form. */
function Which({ which, onChange }: { which: Selection; onChange: (next: Record<string, string>) => void }) {
  const [typed, setTyped] = useState({ ...which });
  const field = (name: keyof Selection, title: string, hint: string) => (
    <SelectionField
      title={title}
      hint={hint}
      value={typed[name]}
      onType={(value) => setTyped({ ...typed, [name]: value })}
    />
  );
  return (
    <Panel>
      <form
        class="selection"
        onSubmit={(event) => {
          event.preventDefault();
          onChange(Object.fromEntries(Object.entries(typed).map(([name, value]) => [name, value.trim()])));
        }}
      >
        {field("of", "Profiles", "ID or ID/AGENT, by commas: all that fit")}
        {field("hunt", "Only what was done for hunt", "an id, or its beginning")}
        {field("target", "Only of agents", "label:role=db and version:0.1.*")}
        <label class="field">
          <span>Asked for in</span>
          <select
            value={typed.since_s}
            onChange={(event) => setTyped({ ...typed, since_s: event.currentTarget.value })}
          >
            {SPANS.map(([seconds, title]) => (
              <option key={seconds} value={seconds}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="primary">
          Show
        </button>
      </form>
    </Panel>
  );
}
