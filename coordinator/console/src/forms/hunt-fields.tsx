//! The fields of a new hunt, in the order in which one thinks: whom, where, what, which, bounds, when.

import { useArtifacts } from "../parts/rows.tsx";
import { Chip, Chips } from "../parts/tabs.tsx";
import { KINDS } from "../profile/kinds.ts";
import { cut, escapeBytes } from "../text/escape.ts";
import type { HashList } from "./console.ts";
import { Checks, type Entry, LinesField, Section, SelectField, Switch, TextField } from "./field.tsx";
import { chosenOf, isOn, ROOT_BYTES, textOf } from "./fields.ts";
import { ListField } from "./list-field.tsx";
import { bytesIn } from "./shell.ts";

const DIGESTS: [string, string][] = [
  ["sha256", "SHA-256"],
  ["sha512", "SHA-512"],
  ["sha1", "SHA-1"],
  ["md5", "MD5"],
  ["blake3", "BLAKE3"],
  ["none", "none: a listing"],
];

const ENTRIES: [string, string][] = [
  ["file", "files"],
  ["dir", "folders"],
  ["symlink", "symbolic links"],
  ["fifo", "pipes"],
  ["socket", "sockets"],
  ["char_device", "character devices"],
  ["block_device", "block devices"],
];

const WHEN = "7d, 2026-11-25, 2026-11-25T10:00:00Z";

/** Whether the hunt walks files. */
export function walksFiles(entry: Entry): boolean {
  return (textOf(entry.typed, "artifact") || "file_hash") === "file_hash";
}

/** Where it looks. */
export function Where({ entry }: { entry: Entry }) {
  const told = useArtifacts().map((one) => one.artifact);
  const artifacts = told.length ? told : ["processes"];
  return (
    <Section title="Where">
      <div class="formfields two">
        <SelectField
          entry={entry}
          name="artifact"
          label="Artifact"
          values={[
            ["", "file_hash: files below folders"],
            ...artifacts
              .filter((name) => name !== "file_hash")
              .map((name): [string, string] => [name, name === "processes" ? "processes: what runs" : name]),
          ]}
        />
        {walksFiles(entry) ? (
          <SelectField
            entry={entry}
            name="fs"
            label="File systems"
            values={[
              ["", "local ones: no network, no pseudo"],
              ["all", "all that is mounted"],
            ]}
          />
        ) : null}
      </div>
      {walksFiles(entry) ? (
        <>
          <LinesField
            entry={entry}
            name="root"
            label="Folders and files, absolute, one a line"
            hint={"/usr/bin\n/home"}
          />
          <RootBytes entry={entry} />
          <div class="formfields two">
            <LinesField
              entry={entry}
              name="include"
              label="Only what matches, one glob a line"
              hint={"*.php\n./etc/*"}
              about="A name; with a / a path below the folder; with one in front a whole path."
            />
            <LinesField
              entry={entry}
              name="exclude"
              label="Not what matches"
              hint="node_modules"
              about="Files, and folders with all below them."
            />
            <TextField entry={entry} name="max_depth" label="Levels below a folder" hint="all" />
            <div class="field">
              <span class="label">And</span>
              <Switch entry={entry} name="one_file_system" label="stay on the file system of each folder" />
              <Switch entry={entry} name="ignore_case" label="patterns match letters of either case" />
              <Switch entry={entry} name="follow" label="follow symbolic links" />
            </div>
          </div>
        </>
      ) : null}
    </Section>
  );
}

/** Roots whose names are no text: they come from an earlier hunt, and can only be taken away. */
function RootBytes({ entry }: { entry: Entry }) {
  const roots = chosenOf(entry.typed, ROOT_BYTES);
  if (roots.length === 0) return null;
  return (
    <Chips>
      {roots.map((base64) => (
        <Chip
          key={base64}
          onRemove={() => entry.set({ [ROOT_BYTES]: roots.filter((one) => one !== base64) })}
        >
          <code>{cut(escapeBytes(bytesIn(base64)), 200)}</code>
        </Chip>
      ))}
    </Chips>
  );
}

/** What it collects of each file. */
export function What({
  entry,
  lists,
  onLists,
}: {
  entry: Entry;
  lists: HashList[];
  onLists: (lists: HashList[]) => void;
}) {
  return (
    <Section title="What">
      <Checks
        entry={entry}
        name="hash"
        label="Digests"
        values={DIGESTS}
        about="All in one read. With none chosen: SHA-256, with lists the kinds of their hashes."
      />
      <ListField lists={lists} onChange={onLists} error={entry.errors.list} />
      <Switch
        entry={entry}
        name="upload_matches"
        label="Send the files that match, too"
        about="where the policy of the machine allows that"
        disabled={lists.length === 0 && !isOn(entry.typed, "upload_matches")}
      />
      {isOn(entry.typed, "upload_matches") ? (
        <>
          <TextField
            entry={entry}
            name="upload_max_file"
            label="The biggest file that is sent"
            hint="10M"
            about="At most 64M."
          />
          <TextField
            entry={entry}
            name="upload_max"
            label="From one agent in all"
            hint="100M"
            about="At most 1G."
          />
        </>
      ) : null}
      <Switch
        entry={entry}
        name="fresh"
        label="Read every file again"
        about="also what an agent has hashed before and that has not changed since"
      />
    </Section>
  );
}

/** Which files. */
export function Which({ entry }: { entry: Entry }) {
  return (
    <details class="formsection">
      <summary>
        <h2>Which of it</h2>
        <span class="about">by size, time, kind, owner and mode; all that is given must hold</span>
      </summary>
      <div class="formfields two">
        <TextField entry={entry} name="min_size" label="At least this big" hint="1k" />
        <TextField entry={entry} name="max_size" label="At most this big" hint="10M" />
        <TextField
          entry={entry}
          name="newer"
          label="Content changed at this time or later"
          hint={WHEN}
          about="mtime"
        />
        <TextField entry={entry} name="older" label="Content changed before" hint={WHEN} />
        <TextField
          entry={entry}
          name="changed_newer"
          label="Inode changed at this time or later"
          hint={WHEN}
          about="ctime: mode, owner, name, content"
        />
        <TextField entry={entry} name="changed_older" label="Inode changed before" hint={WHEN} />
        <TextField
          entry={entry}
          name="born_newer"
          label="Made at this time or later"
          hint={WHEN}
          about="btime; what has none is selected, and counted"
        />
        <TextField entry={entry} name="born_older" label="Made before" hint={WHEN} />
        <TextField
          entry={entry}
          name="owner"
          label="Owned by one of"
          hint="root,1000"
          about="Numbers, or names that each agent looks up."
        />
        <TextField entry={entry} name="group" label="Of one of the groups" hint="staff" />
        <TextField entry={entry} name="mode" label="Mode bits, octal" hint="4000, /6000, =0755" />
        <div class="field">
          <span class="label">One of these is enough</span>
          <Switch entry={entry} name="setuid" label="set-uid" />
          <Switch entry={entry} name="setgid" label="set-gid" />
          <Switch entry={entry} name="world_writable" label="writable by everybody" />
        </div>
        <Checks entry={entry} name="kind" label="Only these kinds" values={ENTRIES} />
      </div>
    </details>
  );
}

/** Bounds on each agent's work. */
export function Bounds({ entry }: { entry: Entry }) {
  return (
    <Section title="Bounds on each agent">
      <div class="formfields two">
        <TextField entry={entry} name="max_cpu" label="CPU, of one core" hint="25%" />
        <TextField entry={entry} name="max_mbps" label="Reads, MB/s" hint="20" />
        <TextField entry={entry} name="max_files_per_s" label="Files a second" hint="500" />
        <TextField entry={entry} name="timeout" label="Time of the run" hint="1h" />
        <TextField entry={entry} name="max_rows" label="Rows that come back" />
        <TextField entry={entry} name="max_bytes" label="Bytes read in all" hint="5G" />
        <TextField entry={entry} name="max_memory" label="Memory beyond what it has, MB" hint="100" />
      </div>
    </Section>
  );
}

/** When it runs. */
export function When({ entry }: { entry: Entry }) {
  return (
    <Section title="When">
      <div class="formfields two">
        <TextField
          entry={entry}
          name="expires"
          label="Agents may begin for"
          hint="24h"
          about="At most 30d: who is away until then does not run it."
        />
        <TextField
          entry={entry}
          name="spread"
          label="Begin at a moment of their own within"
          hint="10m"
          about="So that a shared disk is not read by all at once."
        />
      </div>
    </Section>
  );
}

/** Profiles of agents while it runs. */
export function WhileItRuns({ entry }: { entry: Entry }) {
  const stacks = KINDS.filter((kind) => kind.values.length > 0).map((kind) => kind.id);
  return (
    <details class="formsection">
      <summary>
        <h2>Profile it</h2>
        <span class="about">where its time goes on some of the agents, while it runs</span>
      </summary>
      <div class="formfields two">
        <TextField
          entry={entry}
          name="profile"
          label="Kinds, time and frequency"
          hint="cpu,wall:30s@99"
          about={`Of ${stacks.join(", ")}; from the moment it begins there until it ends.`}
        />
        <TextField
          entry={entry}
          name="profile_agents"
          label="On so many agents"
          hint="3"
          about="Live ones are chosen."
        />
        <TextField
          entry={entry}
          name="on_stall"
          label="Profile where it stands still for"
          hint="30s"
          about="An agent whose part makes no progress for so long profiles itself."
        />
      </div>
    </details>
  );
}
