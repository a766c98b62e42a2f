//! The function that is selected: one in all views, kept in the address. A name that is too long for an address is kept as a
//! number that is found again among the names of the profile.

import type { Address } from "../parts/url.ts";

/** Longer names are kept as a number. */
const NAME_MAX = 400;

/** Returns a number of 53 bits for a text (FNV-1a over UTF-16 units, in two halves). */
function numberOf(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit ^ (low >>> 16), 0x85ebca6b);
  }
  return (low >>> 0).toString(16).padStart(8, "0") + (high >>> 0).toString(16).padStart(8, "0");
}

/** Returns how an address keeps a function. */
export function wordOf(name: string): string {
  return name.length <= NAME_MAX && !name.startsWith("~") ? name : `~${numberOf(name)}`;
}

/** Returns the function that an address means: of names that are known, else the word itself. */
export function functionOf(word: string, names: Iterable<string>): string {
  if (!word.startsWith("~")) return word;
  for (const name of names) if (wordOf(name) === word) return name;
  return "";
}

/** The selected function, as far as the address says it. */
export interface Selected {
  /** The word of the address. */
  word: string;
  /** Whether a name is meant. */
  is: (name: string) => boolean;
  /** Selects a function, or none. */
  choose: (name: string, more?: Record<string, string>) => void;
  /** Returns the address with another function selected. */
  href: (name: string, more?: Record<string, string>) => string;
}

/** Reads the selected function. */
export function useSelected(address: Address): Selected {
  const word = address.get("fn");
  return {
    word,
    is: (name) => word !== "" && wordOf(name) === word,
    choose: (name, more = {}) => address.set({ fn: name ? wordOf(name) : "", ...more }),
    href: (name, more = {}) => address.with({ fn: name ? wordOf(name) : "", ...more }),
  };
}
