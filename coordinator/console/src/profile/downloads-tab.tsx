//! What can be taken away: the profile in the formats of other tools.

import { useState } from "preact/hooks";
import { download } from "../api/client.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { command } from "../text/command.ts";
import { downloadOf, type Source } from "./source.ts";

interface Format {
  view: string;
  title: string;
  ending: string;
  about: string;
  /** The format as the command line calls it; "" for a verb of its own. */
  flag: string;
}

const STACKS: Format[] = [
  {
    view: "pprof",
    title: "pprof",
    ending: "pb.gz",
    about: "With names and lines: go tool pprof FILE, and most tools that read profiles.",
    flag: "pprof",
  },
  {
    view: "flame.svg",
    title: "Flame graph",
    ending: "svg",
    about: "One file that needs nothing else: search, zoom, colours. Open it in a browser.",
    flag: "",
  },
  {
    view: "speedscope",
    title: "speedscope",
    ending: "speedscope.json",
    about: "For https://www.speedscope.app or its offline copy.",
    flag: "speedscope",
  },
  {
    view: "callgrind",
    title: "callgrind",
    ending: "callgrind",
    about: "For kcachegrind and callgrind_annotate, lines included.",
    flag: "callgrind",
  },
  {
    view: "folded",
    title: "Folded stacks",
    ending: "folded",
    about: "A line a stack with its number of samples: flamegraph.pl, grep.",
    flag: "folded",
  },
];

const RAW: Format = {
  view: "raw",
  title: "As it came",
  ending: "raw",
  about: "What the agent sent: pprof without names, or JSON.",
  flag: "raw",
};

interface Props {
  source: Source;
  name: string;
  /** Whether it is a profile of stacks. */
  hasStacks: boolean;
  /** Whether it is of many, of which there is no original. */
  isMerged?: boolean;
  /** The command that packs everything of the profile, where there is one. */
  bundle?: string;
}

/** Draws the tab. */
export function DownloadsTab({ source, name, hasStacks, isMerged = false, bundle }: Props) {
  const [failure, setFailure] = useState<Failure>();
  const formats = [...(hasStacks ? STACKS : []), ...(isMerged ? [] : [RAW])];
  const take = (format: Format) => {
    setFailure(undefined);
    download(downloadOf(source, format.view), `${name}.${format.ending}`).catch((error) =>
      setFailure(failureOf(error)),
    );
  };
  const words = (format: Format) => {
    const out = `${name}.${format.ending}`;
    if (isMerged)
      return command(source.words("merge"), { ...source.flags, format: format.flag || "flame", out });
    if (!format.flag) return command(source.words("flame"), { ...source.flags, out });
    return command(source.words("export"), { ...source.flags, format: format.flag, out });
  };
  return (
    <>
      {failure ? <ErrorBox of={failure} /> : null}
      <div class="formats">
        {formats.map((format) => (
          <Panel
            key={format.view}
            title={format.title}
            command={words(format)}
            actions={
              <button
                type="button"
                onClick={() => take(format)}
                aria-label={`Download ${format.title}: .${format.ending}`}
              >
                <Icon name="download" /> .{format.ending}
              </button>
            }
          >
            <p class="quiet">{format.about}</p>
          </Panel>
        ))}
      </div>
      {bundle ? (
        <Panel title="Everything in one file">
          <p>
            Each agent and kind as it came, with names and as a flame graph, and a manifest with digests. The
            command line makes it:
          </p>
          <Command text={bundle} />
        </Panel>
      ) : null}
    </>
  );
}
