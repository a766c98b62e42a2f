//! What is typed into forms survives a reload: it is kept in the browser until it is launched. No key and no token is ever typed.

import { useEffect, useRef, useState } from "preact/hooks";

/** Text of a form that is kept. */
const KEPT_MAX = 400_000;
/** Typing rests so long before it is kept. */
const REST_MS = 250;

/** Reads what is kept; anything else than an object is nothing. */
export function readKept<T extends object>(key: string): Partial<T> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}

/** Keeps a value; what is too long, or does not fit, is not kept. */
export function writeKept(key: string, value: object): void {
  const text = JSON.stringify(value);
  try {
    if (text.length <= KEPT_MAX) localStorage.setItem(key, text);
  } catch {
    // The browser's storage is full: the form works all the same.
  }
}

/** A state that survives a reload. */
export function useKept<T extends object>(
  key: string,
  initial: T,
): [T, (change: Partial<T>) => void, () => void] {
  const [value, setValue] = useState<T>(() => ({ ...initial, ...readKept<T>(key) }));
  const latest = useRef(value);
  latest.current = value;
  const isForgotten = useRef(false);
  useEffect(() => {
    if (isForgotten.current) return;
    const timer = setTimeout(() => writeKept(key, value), REST_MS);
    return () => clearTimeout(timer);
  }, [key, value]);
  useEffect(() => {
    const keep = () => isForgotten.current || writeKept(key, latest.current);
    addEventListener("pagehide", keep);
    return () => {
      removeEventListener("pagehide", keep);
      keep();
    };
  }, [key]);
  return [
    value,
    (change) => setValue((old) => ({ ...old, ...change })),
    () => {
      isForgotten.current = true;
      localStorage.removeItem(key);
    },
  ];
}
