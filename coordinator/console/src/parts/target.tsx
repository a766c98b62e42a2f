//! A field for a target expression: completion of words, labels and values from the facets of the fleet; an error is
//! marked at its position.

import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../api/client.ts";
import type { Facets, TargetPreview } from "../api/types.ts";
import { cut, escaped } from "../text/escape.ts";
import { count } from "../text/format.ts";
import { Icon } from "./icon.tsx";

const WORDS = ["label:", "host:", "os:", "version:", "arch:", "id:", "not", "all", "and", "or"];
/** Suggestions that are shown at a time. */
const SHOWN_MAX = 12;

interface Suggestion {
  text: string;
  count?: number;
}

interface Props {
  value: string;
  onChange: (value: string) => void;
  /** Words, labels and values to suggest. */
  facets?: Facets | undefined;
  /** Why the expression does not parse. */
  error?: { at: number; why: string } | undefined;
  placeholder?: string;
  label?: string;
}

/** The field. */
export function TargetBox({ value, onChange, facets, error, placeholder, label = "Target" }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [caret, setCaret] = useState(-1);
  const [chosen, setChosen] = useState(0);
  const { from, word } = wordAt(value, caret);
  const all = caret < 0 ? [] : suggestions(word, facets, value.slice(0, from));
  const shown = all.slice(0, SHOWN_MAX);
  const follow = () => setCaret(field.current?.selectionStart ?? -1);
  const take = (suggestion: Suggestion) => {
    const isOpen = /[:=]$/.test(suggestion.text);
    const next = `${value.slice(0, from)}${suggestion.text}${isOpen ? "" : " "}${value.slice(from + word.length).trimStart()}`;
    const at = from + suggestion.text.length + (isOpen ? 0 : 1);
    onChange(next);
    setChosen(0);
    requestAnimationFrame(() => {
      field.current?.setSelectionRange(at, at);
      setCaret(at);
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const suggestion = shown[chosen];
    if (event.key === "ArrowDown") setChosen(Math.min(chosen + 1, shown.length - 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(chosen - 1, 0));
    else if ((event.key === "Tab" || (event.key === "Enter" && word)) && suggestion && !event.shiftKey)
      take(suggestion);
    else if (event.key === "Escape" && caret >= 0) setCaret(-1);
    else return;
    event.preventDefault();
  };
  return (
    <div class="target">
      <Icon name="filter" />
      <input
        ref={field}
        type="text"
        class="mono"
        role="combobox"
        aria-expanded={shown.length > 0}
        aria-controls="target-suggestions"
        aria-activedescendant={shown[chosen] ? `target-${chosen}` : undefined}
        aria-label={label}
        aria-invalid={error ? "true" : undefined}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={value}
        placeholder={placeholder}
        onInput={(event) => {
          setChosen(0);
          onChange(event.currentTarget.value);
          follow();
        }}
        onFocus={follow}
        onClick={follow}
        onKeyUp={follow}
        onBlur={() => setCaret(-1)}
        onKeyDown={onKeyDown}
      />
      {value ? (
        <button type="button" class="bare" aria-label="Clear the filter" onClick={() => onChange("")}>
          <Icon name="cross" />
        </button>
      ) : null}
      {shown.length ? (
        <div class="suggestions" id="target-suggestions" role="listbox" aria-label="Completions">
          {shown.map((suggestion, at) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and takes the keys
            <div
              key={suggestion.text}
              id={`target-${at}`}
              role="option"
              aria-selected={at === chosen}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(suggestion)}
            >
              <code>{cut(escaped(suggestion.text), 80)}</code>
              {suggestion.count === undefined ? null : <span class="quiet">{count(suggestion.count)}</span>}
            </div>
          ))}
        </div>
      ) : null}
      {error ? <Mark value={value} error={error} /> : null}
    </div>
  );
}

/** The expression once more, with what does not parse marked. */
function Mark({ value, error }: { value: string; error: { at: number; why: string } }) {
  const at = characters(value, error.at);
  const rest = value.slice(at);
  const wrong = /^\S+/.exec(rest)?.[0] ?? "";
  return (
    <div class="mark" role="alert">
      <code>
        {cut(escaped(value.slice(Math.max(0, at - 80), at)), 400)}
        <mark>{cut(escaped(wrong), 80) || "\u00a0"}</mark>
        {cut(escaped(rest.slice(wrong.length)), 80)}
      </code>
      <span>{cut(escaped(error.why), 300)}</span>
    </div>
  );
}

/** Turns a position in bytes into one in characters. */
function characters(text: string, atBytes: number): number {
  const bytes = new TextEncoder().encode(text);
  return new TextDecoder().decode(bytes.subarray(0, Math.max(0, atBytes))).length;
}

/** The word that the caret is in, and where it begins. */
function wordAt(value: string, caret: number): { from: number; word: string } {
  if (caret < 0) return { from: 0, word: "" };
  const before = /[^\s()]*$/.exec(value.slice(0, caret))?.[0] ?? "";
  const after = /^[^\s()]*/.exec(value.slice(caret))?.[0] ?? "";
  return { from: caret - before.length, word: before + after };
}

/** A value can be written only if it has no space and no parenthesis. */
function isWord(text: string): boolean {
  return text !== "" && !/[\s()]/.test(text);
}

function suggestions(word: string, facets: Facets | undefined, before: string): Suggestion[] {
  const of = (prefix: string, values: { value: string; count: number }[] | undefined) =>
    (values ?? [])
      .filter(({ value }) => isWord(value))
      .map(({ value, count }) => ({ text: prefix + value, count }));
  const label = /^label:([^=]*)=/.exec(word);
  let all: Suggestion[];
  if (label) {
    const key = label[1] ?? "";
    all = of(`label:${key}=`, facets?.labels.find((one) => one.key === key)?.values);
  } else if (word.startsWith("label:")) {
    const keys = (facets?.labels ?? []).filter(({ key }) => isWord(key) && !key.includes("="));
    all = keys.map(({ key, count }) => ({ text: `label:${key}=`, count }));
  } else if (word.startsWith("os:")) all = of("os:", facets?.os);
  else if (word.startsWith("version:")) all = of("version:", facets?.version);
  else {
    const isAfterTerm = /[^\s(]\s+$/.test(before) && !/\b(and|or|not)\s+$/.test(before);
    all = (isAfterTerm ? ["and", "or"] : WORDS.slice(0, 8)).map((text) => ({ text }));
  }
  return all.filter((one) => one.text.startsWith(word) && one.text !== word);
}

/** Asks what a target would hit; with a short rest, so that typing is not slowed down. */
export function usePreview(expr: string | undefined, samplePpm?: number): TargetPreview | undefined {
  const [preview, setPreview] = useState<TargetPreview>();
  useEffect(() => {
    if (expr === undefined) {
      setPreview(undefined);
      return;
    }
    const own = new AbortController();
    const timer = setTimeout(() => {
      const body = samplePpm === undefined ? { expr } : { expr, sample_ppm: samplePpm };
      post<TargetPreview>("/targets/preview", body, own.signal).then(
        (answer) => !own.signal.aborted && setPreview(answer),
        () => !own.signal.aborted && setPreview(undefined),
      );
    }, 60);
    return () => {
      clearTimeout(timer);
      own.abort();
    };
  }, [expr, samplePpm]);
  return preview;
}
