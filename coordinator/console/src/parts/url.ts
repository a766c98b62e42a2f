//! The state of a page is in its address, so that a link shows a colleague the same.

import { useLocation } from "preact-iso/router";

/** The address as a page reads and changes it. */
export interface Address {
  /** Returns one parameter; an empty text where it is not given. */
  get: (name: string) => string;
  /** Returns all values of a parameter. */
  all: (name: string) => string[];
  /** Changes parameters; what is empty is left out. With `replace` no step of the history is made. */
  set: (changes: Record<string, string | string[] | undefined>, replace?: boolean) => void;
  /** Returns the address with parameters changed, for a link. */
  with: (changes: Record<string, string | string[] | undefined>) => string;
}

/** Reads the address. */
export function useAddress(): Address {
  const { url, route } = useLocation();
  const at = url.indexOf("?");
  const path = at < 0 ? url : url.slice(0, at);
  const params = new URLSearchParams(at < 0 ? "" : url.slice(at));
  const changed = (changes: Record<string, string | string[] | undefined>) => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(changes)) {
      next.delete(name);
      for (const one of Array.isArray(value) ? value : [value]) if (one) next.append(name, one);
    }
    const text = next.toString();
    return text ? `${path}?${text}` : path;
  };
  return {
    get: (name) => params.get(name) ?? "",
    all: (name) => params.getAll(name),
    set: (changes, replace = false) => route(changed(changes), replace),
    with: changed,
  };
}
