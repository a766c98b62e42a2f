//! Which agents hold a file, or run it: one digest, or ten thousand pasted.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api/client.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import type { WhoHas as Answer, RowView } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count, plural } from "../text/format.ts";
import { type Digest, digestOf, Found } from "./who-has-found.tsx";

/** Digests of one request. */
const BATCH = 50;
/** Digests that are asked for at most. */
const DIGESTS_MAX = 10_000;
/** Digests that the address holds; more are kept by the tab alone. */
const ADDRESS_MAX = 20;
const LENGTHS: ReadonlyMap<number, string> = new Map([
  [32, "MD5"],
  [40, "SHA-1"],
  [64, "SHA-256 or BLAKE3"],
  [128, "SHA-512"],
]);

/** Returns the digests in a text, each once, and what is none. */
function read(text: string): { digests: string[]; bad: string[] } {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  const digests = new Set<string>();
  const bad: string[] = [];
  for (const word of words) {
    if (/^[0-9a-fA-F]+$/.test(word) && LENGTHS.has(word.length)) digests.add(word.toLowerCase());
    else bad.push(word);
  }
  return { digests: [...digests], bad };
}

interface State {
  rows: RowView[];
  asked: number;
  absent: Set<string>;
  scannedRows: number;
  scannedAgents: number;
  isTruncated: boolean;
  isRunning: boolean;
  failure?: Failure | undefined;
}

const NOTHING: State = {
  rows: [],
  asked: 0,
  absent: new Set(),
  scannedRows: 0,
  scannedAgents: 0,
  isTruncated: false,
  isRunning: false,
};

/** Asks for many digests, a batch at a time. */
function useWhoHas(): { state: State; ask: (digests: string[]) => void; stop: () => void } {
  const [state, setState] = useState<State>(NOTHING);
  const own = useRef<AbortController>(new AbortController());
  useEffect(() => () => own.current.abort(), []);
  const ask = async (digests: string[]) => {
    own.current.abort();
    own.current = new AbortController();
    const { signal } = own.current;
    setState({ ...NOTHING, isRunning: true });
    try {
      for (let at = 0; at < digests.length; at += BATCH) {
        const hash = digests.slice(at, at + BATCH);
        const answer = await get<Answer>("/who-has", { hash }, signal);
        setState((old) => ({
          rows: [...old.rows, ...answer.rows],
          asked: Math.min(at + BATCH, digests.length),
          absent: new Set([...old.absent, ...answer.absent]),
          scannedRows: Math.max(old.scannedRows, Number(answer.scanned_rows)),
          scannedAgents: Math.max(old.scannedAgents, Number(answer.scanned_agents)),
          isTruncated: old.isTruncated || answer.truncated,
          isRunning: true,
        }));
      }
      setState((old) => ({ ...old, isRunning: false }));
    } catch (error) {
      if (!signal.aborted) setState((old) => ({ ...old, isRunning: false, failure: failureOf(error) }));
    }
  };
  const stop = () => {
    own.current.abort();
    setState((old) => ({ ...old, isRunning: false }));
  };
  return { state, ask: (digests) => void ask(digests), stop };
}

/** Gathers rows by the digest that was asked for. */
function gathered(digests: string[], state: State): Digest[] {
  const rows = new Map<string, RowView[]>(digests.slice(0, state.asked).map((digest) => [digest, []]));
  for (const row of state.rows) {
    for (const name of ["sha256", "sha1", "md5", "sha512", "blake3"]) {
      const value = row[name];
      if (typeof value === "string") rows.get(value)?.push(row);
    }
  }
  return [...rows]
    .map(([digest, own]) => digestOf(digest, own))
    .sort((a, b) => b.rows.length - a.rows.length);
}

/** The page. */
export function WhoHas() {
  const address = useAddress();
  const linked = address.all("hash");
  const [text, setText] = useState(linked.join("\n"));
  const [asked, setAsked] = useState<string[]>([]);
  const { state, ask, stop } = useWhoHas();
  const { digests, bad } = useMemo(() => read(text), [text]);
  const start = (wanted: string[]) => {
    setAsked(wanted);
    ask(wanted);
  };
  useEffect(() => {
    const { digests: given } = read(linked.join("\n"));
    if (given.length) start(given);
  }, []);
  const submit = () => {
    address.set({ hash: digests.length <= ADDRESS_MAX ? digests : [] }, true);
    start(digests);
  };
  const isTooMany = digests.length > DIGESTS_MAX;
  const found = useMemo(() => gathered(asked, state), [asked, state]);
  return (
    <Page title="Who has">
      <div class="whohas">
        <textarea
          class="mono"
          rows={Math.min(8, Math.max(2, text.split("\n").length))}
          value={text}
          aria-label="Digests"
          placeholder="One digest or many, in hexadecimal: MD5, SHA-1, SHA-256, SHA-512, BLAKE3"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
          }}
        />
        <div class="toolbar">
          <button
            type="button"
            class="primary"
            disabled={digests.length === 0 || isTooMany || state.isRunning}
            onClick={submit}
          >
            <Icon name="search" /> Look for {plural(digests.length, "digest")}
          </button>
          {state.isRunning ? (
            <button type="button" onClick={stop}>
              <Icon name="stop" /> Stop
            </button>
          ) : null}
          {bad.length ? (
            <span class="warn">
              {plural(bad.length, "word")} that {bad.length === 1 ? "is" : "are"} no digest:{" "}
              {bad.slice(0, 3).join(", ").slice(0, 80)}
            </span>
          ) : null}
          {isTooMany ? (
            <span class="bad">at most {count(DIGESTS_MAX)} at a time: use a hunt with a list for more</span>
          ) : null}
          <span class="space" />
          <Progress of={state} total={asked.length} />
        </div>
      </div>
      {state.failure ? <ErrorBox of={state.failure} retry={() => start(asked)} /> : null}
      {asked.length ? <Found of={found} isTruncated={state.isTruncated} /> : <Nothing />}
      <Command text={command(["who-has", ...digests.slice(0, ADDRESS_MAX)])} />
    </Page>
  );
}

function Nothing() {
  return (
    <Empty title="Which agents have a file?">
      <p>
        Paste digests. Every row that every hunt has stored is looked at, and the processes that run such a
        file.
      </p>
      <p>
        What no hunt has hashed is not here: a digest that is absent may still be on a disk that was never
        walked.
      </p>
    </Empty>
  );
}

/** How much was looked at. */
function Progress({ of, total }: { of: State; total: number }) {
  if (total === 0) return null;
  return (
    <span class="quiet num" aria-live="polite">
      {of.isRunning ? `${count(of.asked)} of ${plural(total, "digest")}; ` : ""}
      {plural(of.scannedRows, "row")} of {plural(of.scannedAgents, "agent")} looked at
    </span>
  );
}
