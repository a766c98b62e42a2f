//! Reads and writes JSON without losing a digit: numbers above 2^53 keep their text, maps of endpoints' keys are `Map`s.

import { MAPS } from "./types.ts";

/** An integer that a double cannot hold. It compares and adds up as a number and is shown with all its digits. */
export class Digits {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }

  valueOf(): number {
    return Number(this.text);
  }
}

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

const revive: Reviver = (key, value, context) => {
  if (typeof value === "number") {
    const source = context?.source;
    const isExact = Number.isSafeInteger(value) || source === undefined || !/^-?\d+$/.test(source);
    return isExact ? value : new Digits(source);
  }
  if (MAPS.has(key) && isPlain(value)) return new Map(Object.entries(value));
  return value;
};

/** Whether a value is an object as JSON has them. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Parses JSON. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

/** Writes JSON: the inverse of `parseJson`, laid out with two spaces unless `indent` is 0. */
export function writeJson(value: unknown, indent = 2, depth = 0): string {
  if (value instanceof Digits) return value.text;
  if (value instanceof Map) return writeJson(Object.fromEntries(value), indent, depth);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const isArray = Array.isArray(value);
  const inner = isArray
    ? value.map((one) => writeJson(one, indent, depth + 1))
    : Object.entries(value)
        .filter(([, one]) => one !== undefined)
        .map(
          ([key, one]) => `${JSON.stringify(key)}:${indent ? " " : ""}${writeJson(one, indent, depth + 1)}`,
        );
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"];
  if (inner.length === 0) return open + close;
  if (!indent) return open + inner.join(",") + close;
  const pad = " ".repeat(indent * (depth + 1));
  return `${open}\n${pad}${inner.join(`,\n${pad}`)}\n${" ".repeat(indent * depth)}${close}`;
}
