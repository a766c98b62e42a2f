//! Lists of hashes: a file or pasted text goes to the console, which reads it as `--ioc` does and says what is in it.

import { useState } from "preact/hooks";
import type { Failure } from "../api/failure.ts";
import { failureOf } from "../api/failure.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { Text } from "../parts/text.tsx";
import { isHosted } from "../session/session.ts";
import { bytes, count, plural } from "../text/format.ts";
import { type HashList, readList } from "./console.ts";

/** What the console reads: larger lists are refused before they are sent. */
const LIST_BYTES_MAX = 128 * 1024 * 1024;

interface Props {
  lists: HashList[];
  onChange: (lists: HashList[]) => void;
  error: string | undefined;
}

/** The field; hosted pages have no console that could read a list. */
export function ListField(props: Props) {
  if (!isHosted.value) return <Lists {...props} />;
  return (
    <div class="field" data-field="list">
      <span class="label">Lists of hashes</span>
      <p class="about">
        A list stays on your own machine: add <code>--ioc FILE</code> to the command that launches the draft.
      </p>
    </div>
  );
}

function Lists({ lists, onChange, error }: Props) {
  const [isPasting, setPasting] = useState(false);
  const [pasted, setPasted] = useState("");
  const [skipBad, setSkipBad] = useState(false);
  const [isReading, setReading] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const read = async (body: Blob | string, name: string) => {
    setFailure(undefined);
    setReading(true);
    try {
      onChange([...lists, await readList(body, name, skipBad)]);
      setPasted("");
      setPasting(false);
    } catch (thrown) {
      setFailure(failureOf(thrown));
    }
    setReading(false);
  };
  const onFile = (file: File | undefined) => {
    if (!file) return;
    if (file.size > LIST_BYTES_MAX) {
      const what = `${file.name} has ${bytes(file.size)}`;
      setFailure({
        what,
        why: `a list has at most ${bytes(LIST_BYTES_MAX)}`,
        next: "split it",
        isMissing: false,
      } as Failure);
    } else void read(file, file.name);
  };
  return (
    <div class={error || failure ? "field wrong" : "field"} data-field="list">
      <span class="label">Lists of hashes</span>
      {lists.map((list) => (
        <Kept key={list.list} of={list} onRemove={() => onChange(lists.filter((one) => one !== list))} />
      ))}
      <div class="toolbar">
        <label class="button filepick">
          <Icon name="upload" /> {isReading ? "Reading…" : "Choose a file"}
          <input
            class="sr"
            type="file"
            aria-label="A file with hashes"
            disabled={isReading}
            onChange={(event) => {
              onFile(event.currentTarget.files?.[0]);
              event.currentTarget.value = "";
            }}
          />
        </label>
        <button type="button" onClick={() => setPasting(!isPasting)} aria-expanded={isPasting}>
          Paste
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={skipBad}
            onChange={(event) => setSkipBad(event.currentTarget.checked)}
          />{" "}
          leave out lines without a hash
        </label>
      </div>
      {isPasting ? (
        <>
          <textarea
            rows={6}
            aria-label="Hashes"
            value={pasted}
            spellcheck={false}
            placeholder={"9f86d081884c7d659a2feaa0c55ad015…\nd41d8cd98f00b204e9800998ecf8427e  name"}
            onInput={(event) => setPasted(event.currentTarget.value)}
          />
          <div>
            <button
              type="button"
              disabled={!pasted.trim() || isReading}
              onClick={() => void read(pasted, "pasted.txt")}
            >
              Read these lines
            </button>
          </div>
        </>
      ) : null}
      {failure ? <ErrorBox of={failure} /> : null}
      {error ? (
        <p class="fielderror" role="alert">
          <Text of={error} most={600} />
        </p>
      ) : null}
      <p class="about">
        Only files whose hash is in a list come back, and every file that could not be judged. One or several
        hashes a line, of any kind: also what sha256sum or hashdeep print, or a CSV.
      </p>
    </div>
  );
}

function Kept({ of, onRemove }: { of: HashList; onRemove: () => void }) {
  return (
    <div class="keptlist">
      <Icon name="digest" />
      <span>
        <b>
          <Text of={of.name} most={60} />
        </b>{" "}
        {plural(of.hashes, "hash", "hashes")}:{" "}
        {of.kinds.map((one) => `${count(one.count)} ${one.kind}`).join(", ")}
        {of.duplicates > 0 ? `; ${count(of.duplicates)} twice` : ""}
        {of.skipped > 0 ? `; ${plural(of.skipped, "line")} left out: ${of.skipped_first.join(", ")}` : ""}
        {of.bytes > 0 ? `; ${bytes(of.bytes)} to each agent` : ""}
        {of.notes.map((note) => (
          <span class="warn" key={note}>
            {" "}
            <Text of={note} most={300} />
          </span>
        ))}
      </span>
      <button type="button" class="bare" onClick={onRemove} aria-label={`Remove ${of.name}`}>
        <Icon name="cross" size={12} />
      </button>
    </div>
  );
}
