//! The fields of a form as typed, and what the console and the command line are given of them.

import { command } from "../text/command.ts";
import type { Form, Value } from "./console.ts";

/** Typed fields: text, switches, and chosen values. Flags that take several values from lines hold one a line. */
export type Typed = Record<string, string | boolean | string[]>;

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
    if (without.has(name) || value === "" || value === false) continue;
    if (Array.isArray(value)) {
      if (value.length > 0) fields[name] = value;
    } else if (typeof value === "string" && LINES.has(name)) {
      const lines = value.split("\n").filter((line) => line.trim() !== "");
      if (lines.length > 0) fields[name] = lines;
    } else fields[name] = typeof value === "string" ? value.trim() : value;
  }
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
      const all = Array.isArray(value)
        ? value.map((one) => (typeof one === "string" ? one : "BYTES"))
        : [value];
      line += command([], { [flag]: COMMAS.has(name) ? [all.join(",")] : all }).slice("muster".length);
    }
  }
  for (const list of lists) line += command([], { ioc: list }).slice("muster".length);
  return line;
}

/** Switches of `hunt launch` and `profile take`. */
const SWITCHES: ReadonlySet<string> = new Set([
  "ignore-case",
  "upload-matches",
  "one-file-system",
  "follow",
  "fresh",
  "setuid",
  "setgid",
  "world-writable",
  "coordinator",
]);

/** Splits a command line into words, as a POSIX shell does with quotes; nothing else of a shell is known. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  const piece = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\([\s\S])|([^\s'"\\]+)|./gy;
  let word: string | undefined;
  for (const match of line.matchAll(piece)) {
    const [all, single, double, escaped, plain] = match;
    if (/^\s/.test(all) && escaped === undefined && single === undefined && double === undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? all);
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Reads the fields of a command line, for a form that begins with an earlier request. */
export function typedOf(line: string, lists: ReadonlySet<string>): Typed {
  const typed: Typed = {};
  const words = wordsOf(line);
  for (let at = 0; at < words.length; at++) {
    const match = /^--([a-z0-9-]+)(?:=([\s\S]*))?$/.exec(words[at] ?? "");
    if (!match?.[1]) continue;
    const flag = match[1];
    const name = flag === "agent" ? "agents" : flag.replaceAll("-", "_");
    if (SWITCHES.has(flag)) {
      typed[name] = true;
      continue;
    }
    const value = match[2] ?? words[++at] ?? "";
    if (LINES.has(name)) typed[name] = typed[name] ? `${String(typed[name])}\n${value}` : value;
    else if (lists.has(name)) typed[name] = [...chosenOf(typed, name), ...value.split(",")];
    else typed[name] = value;
  }
  return typed;
}
