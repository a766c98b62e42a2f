//! The views of one profile of one kind, with the switches that hold for all of them.

import { Show } from "../parts/panel.tsx";
import { type Tab, Tabs } from "../parts/tabs.tsx";
import { useAddress } from "../parts/url.ts";
import { CallsTab } from "./calls-tab.tsx";
import { FunctionName } from "./cells.tsx";
import { DocumentTab } from "./documents-tab.tsx";
import { DownloadsTab } from "./downloads-tab.tsx";
import { FlameTab } from "./flame-tab.tsx";
import { hasStacks, kindOf } from "./kinds.ts";
import { LinesTab } from "./lines-tab.tsx";
import { useSelected } from "./selected.ts";
import { commandOf, type Source, useFlame } from "./source.ts";
import { TopTab } from "./top-tab.tsx";
import { TreeTab } from "./tree-tab.tsx";

/** What another kind does not have. */
const OF_A_KIND = ["value", "zoom", "file", "moment"];

interface Props {
  source: Source;
  /** Kinds that there are, and the one that is shown. */
  kinds: string[];
  kind: string;
  /** What is shown, for a screen reader and for names of files. */
  label: string;
  name: string;
  /** The profile's id, where it is one request's. */
  profile?: string;
  isMerged?: boolean;
  bundle?: string;
}

/** Draws them. */
export function Views(props: Props) {
  const { kinds, kind } = props;
  const address = useAddress();
  const known = kindOf(kind);
  const allFrames = address.get("all_frames") === "1";
  const isStacks = hasStacks(known);
  const value = address.get("value") || known.values[0]?.id || "";
  return (
    <>
      <div class="toolbar">
        <nav class="choice links" aria-label="Kind">
          {kinds.map((one) => (
            <a
              key={one}
              href={address.with({ ...Object.fromEntries(OF_A_KIND.map((name) => [name, ""])), kind: one })}
              aria-current={one === kind ? "true" : undefined}
              title={kindOf(one).answers}
            >
              {kindOf(one).title}
            </a>
          ))}
        </nav>
        {known.values.length > 1 ? (
          <select
            aria-label="Value"
            value={value}
            onChange={(event) => {
              const chosen = event.currentTarget.value;
              address.set({ value: chosen === known.values[0]?.id ? "" : chosen, zoom: "" });
            }}
          >
            {known.values.map((one) => (
              <option key={one.id} value={one.id}>
                {one.title}
              </option>
            ))}
          </select>
        ) : null}
        {isStacks ? (
          <label class="check" title="Show the frames of Rust's own library and of the async runtime, too">
            <input
              type="checkbox"
              checked={allFrames}
              onChange={(event) =>
                address.set({ all_frames: event.currentTarget.checked ? "1" : "", zoom: "" })
              }
            />{" "}
            all frames
          </label>
        ) : null}
        <SelectedFunction />
      </div>
      {known.reading ? <p class="reading quiet">{known.reading}</p> : null}
      {isStacks ? <Stacks {...props} allFrames={allFrames} /> : <OfDocument {...props} />}
    </>
  );
}

/** The function that is selected, with a way to let it go. */
function SelectedFunction() {
  const selected = useSelected(useAddress());
  if (!selected.word) return null;
  return (
    <span class="chip selectedfn">
      {selected.word.startsWith("~") ? (
        <span class="quiet">a function with a long name</span>
      ) : (
        <FunctionName of={selected.word} most={36} />
      )}
      <a href={selected.href("", { zoom: "", around: "" })} aria-label="Select no function">
        ✕
      </a>
    </span>
  );
}

function Stacks({
  source,
  label,
  name,
  isMerged = false,
  bundle,
  allFrames,
}: Props & { allFrames: boolean }) {
  const flame = useFlame(source, allFrames);
  const tabs: Tab[] = [
    {
      id: "flame",
      title: "Flame",
      render: () => (
        <Show of={flame}>
          {(data) => (
            <FlameTab
              data={data}
              label={label}
              command={commandOf(source, "flame", { out: `${name}.svg` })}
            />
          )}
        </Show>
      ),
    },
    { id: "top", title: "Top", render: () => <TopTab source={source} allFrames={allFrames} /> },
    { id: "tree", title: "Tree", render: () => <TreeTab source={source} allFrames={allFrames} /> },
    {
      id: "calls",
      title: "Calls",
      render: () => (
        <Show of={flame}>{(data) => <CallsTab data={data} command={commandOf(source, "tree")} />}</Show>
      ),
    },
    { id: "lines", title: "Lines", render: () => <LinesTab source={source} /> },
    {
      id: "downloads",
      title: "Downloads",
      render: () => (
        <DownloadsTab
          source={source}
          name={name}
          hasStacks
          isMerged={isMerged}
          {...(bundle ? { bundle } : {})}
        />
      ),
    },
  ];
  return <Tabs tabs={tabs} clears={["sort"]} />;
}

function OfDocument({ source, kind, name, profile = "", bundle }: Props) {
  const tabs: Tab[] = [
    {
      id: "document",
      title: "Document",
      render: () => <DocumentTab source={source} kind={kind} profile={profile} />,
    },
    {
      id: "downloads",
      title: "Downloads",
      render: () => (
        <DownloadsTab source={source} name={name} hasStacks={false} {...(bundle ? { bundle } : {})} />
      ),
    },
  ];
  return <Tabs tabs={tabs} />;
}
