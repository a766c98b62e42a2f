//! Keys that work on every page, and the list of all keys.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import { Icon } from "../parts/icon.tsx";
import { searchOpen } from "./search.tsx";

/** Whether the list of keys is shown. */
export const keysOpen = signal(false);

const KEYS: [string, string][] = [
  ["/", "search everything"],
  ["?", "this list"],
  ["g o", "overview"],
  ["g a", "agents"],
  ["g h", "hunts"],
  ["g p", "profiles"],
  ["g w", "who has"],
  ["n", "new hunt"],
  ["j k", "next, previous row of the table in focus"],
  ["Enter", "open the row"],
  ["x", "select the row"],
  ["c", "copy the row as JSON"],
  ["Esc", "close, leave a field"],
];

const PLACES: Record<string, string> = {
  o: "/",
  a: "/agents",
  h: "/hunts",
  p: "/profiles",
  w: "/who-has",
  l: "/audit",
  d: "/health",
};

/** Takes keys that no field wants. */
export function useKeys(): void {
  const { route } = useLocation();
  const go = useRef(0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key === "Escape") {
        keysOpen.value = false;
        searchOpen.value = false;
        if (target.matches("input, textarea, select")) target.blur();
        return;
      }
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        target.closest("input, textarea, select, [contenteditable]")
      )
        return;
      const isGo = performance.now() - go.current < 1000;
      go.current = event.key === "g" ? performance.now() : 0;
      const place = isGo ? PLACES[event.key] : undefined;
      if (place) route(place);
      else if (event.key === "/") searchOpen.value = true;
      else if (event.key === "?") keysOpen.value = !keysOpen.value;
      else if (event.key === "n") route("/hunts/new");
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [route]);
}

/** The list of keys. */
export function Keys() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = keysOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} class="keys" aria-label="Keys" onClose={() => (keysOpen.value = false)}>
      <header>
        <h2>Keys</h2>
        <button type="button" class="bare" onClick={() => (keysOpen.value = false)} aria-label="Close">
          <Icon name="cross" />
        </button>
      </header>
      <dl>
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split(" ").map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
