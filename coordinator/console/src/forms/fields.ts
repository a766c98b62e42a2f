//! The fields of a form as typed, and what the console and the command line are given of them.

import { command } from "../text/command.ts";
import type { Form, Value } from "./console.ts";
import { quoteBytes, wordsOf } from "./shell.ts";

/** Typed fields: text, switches, and chosen values. Flags that take several values from lines hold one a line. */
export type Typed = Record<string, string | boolean | string[]>;

/** Roots that are no text of one line, in base64: they come from an earlier hunt. */
export const ROOT_BYTES = "root_bytes";
/** Fields whose text has one value a line. */
const LINES: ReadonlySet<string> = new Set(["root", "include", "exclude"]);

/** Returns what is typed in a text field. */
export function textOf(typed: Typed, name: string): string {
  const value = typed[name];
  return typeof value === "string" ? value : "";
}

/** Returns which values are chosen. */
export function chosenOf(typed: Typed, name: string): string[] {
  const value = typed[name];
  return Array.isArray(value) ? value : [];
}

/** Returns whether a switch is on. */
export function isOn(typed: Typed, name: string): boolean {
  return typed[name] === true;
}

/** Makes the fields of a draft: what is empty is left out, and so is what `without` names. */
export function fieldsOf(typed: Typed, without: ReadonlySet<string> = new Set()): Form["fields"] {
  const fields: Record<string, Value> = {};
  for (const [name, value] of Object.entries(typed)) {
    if (without.has(name) || name === ROOT_BYTES || value === "" || value === false) continue;
    if (Array.isArray(value)) {
      if (value.length > 0) fields[name] = value;
    } else if (typeof value === "string" && LINES.has(name)) {
      const lines = value.split("\n").filter((line) => line.trim() !== "");
      if (lines.length > 0) fields[name] = lines;
    } else fields[name] = typeof value === "string" ? value.trim() : value;
  }
  const bytes = without.has("root") ? [] : chosenOf(typed, ROOT_BYTES).map((base64) => ({ base64 }));
  if (bytes.length > 0) fields.root = [...(Array.isArray(fields.root) ? fields.root : []), ...bytes];
  return fields;
}

/** Flags whose values stand in one word, separated by commas. */
const COMMAS: ReadonlySet<string> = new Set(["hash", "kind", "agents"]);
/** Flags whose value is optional: it stands behind `=`. */
const EQUALS: ReadonlySet<string> = new Set(["on_stall"]);

/** Writes the command line that asks for the same. */
export function commandOf(words: string[], fields: Form["fields"], lists: string[] = []): string {
  let line = command(words);
  for (const [name, value] of Object.entries(fields)) {
    const flag = name.replaceAll("_", "-");
    if (value === true) line += ` --${flag}`;
    else if (typeof value === "string" && EQUALS.has(name)) line += ` --${flag}=${value}`;
    else if (value !== false) {
      const all = Array.isArray(value) ? value : [value];
      const texts = all.filter((one) => typeof one === "string");
      const given = COMMAS.has(name) && texts.length > 0 ? [texts.join(",")] : texts;
      line += command([], { [flag]: given }).slice("muster".length);
      for (const one of all) if (typeof one === "object") line += ` --${flag} ${quoteBytes(one.base64)}`;
    }
  }
  for (const list of lists) line += command([], { ioc: list }).slice("muster".length);
  return line;
}

/** Switches of `hunt launch` and `profile take`. */
const SWITCHES: ReadonlySet<string> = new Set([
  "ignore-case",
  "ioc-skip-bad",
  "upload-matches",
  "one-file-system",
  "follow",
  "fresh",
  "setuid",
  "setgid",
  "world-writable",
  "coordinator",
]);

/** Flags that name files: a form has none, its lists are read again. */
const OF_FILES: ReadonlySet<string> = new Set(["ioc", "ioc-skip-bad", "out"]);

/** Reads the fields of a command line, for a form that begins with an earlier request. */
export function typedOf(line: string, lists: ReadonlySet<string>): Typed {
  const typed: Typed = {};
  const words = wordsOf(line);
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const match = typeof word === "string" ? /^--([a-z0-9-]+)(?:=([\s\S]*))?$/.exec(word) : null;
    if (!match?.[1]) continue;
    const flag = match[1];
    const name = flag === "agent" ? "agents" : flag.replaceAll("-", "_");
    if (SWITCHES.has(flag)) {
      if (!OF_FILES.has(flag)) typed[name] = true;
      continue;
    }
    const value = match[2] ?? words[++at] ?? "";
    if (OF_FILES.has(flag)) continue;
    if (typeof value === "object") {
      if (name === "root") typed[ROOT_BYTES] = [...chosenOf(typed, ROOT_BYTES), value.base64];
    } else if (LINES.has(name)) typed[name] = typed[name] ? `${String(typed[name])}\n${value}` : value;
    else if (lists.has(name)) typed[name] = [...chosenOf(typed, name), ...value.split(",")];
    else typed[name] = value;
  }
  return typed;
}
