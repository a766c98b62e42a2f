//! The search over everything: agents, hunts, profiles, digests.

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import type { Search as Found } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { Id, Text } from "../parts/text.tsx";

/** Whether the search is open. */
export const searchOpen = signal(false);

/** Returns where a hit leads. */
function placeOf(kind: string, id: string): string {
  const name = encodeURIComponent(id);
  if (kind === "agent") return `/agents/${name}`;
  if (kind === "hunt") return `/hunts/${name}`;
  if (kind === "profile") return `/profiles/${name}`;
  return `/who-has?hash=${name}`;
}

/** A dialog with a field and what it finds. */
export function Search() {
  const dialog = useRef<HTMLDialogElement>(null);
  const { route } = useLocation();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [at, setAt] = useState(0);
  const isOpen = searchOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), 120);
    return () => clearTimeout(timer);
  }, [text]);
  const answer = useGet<Found>(isOpen && asked ? "/search" : undefined, { q: asked });
  const hits = asked ? (answer.data?.hits ?? []) : [];
  const open = (index: number) => {
    const hit = hits[index];
    if (!hit) return;
    searchOpen.value = false;
    setText("");
    route(placeOf(hit.kind, hit.id));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") open(at);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={dialog} class="search" aria-label="Search" onClose={() => (searchOpen.value = false)}>
      <input
        type="search"
        value={text}
        placeholder="Id, name, host, label, root or digest"
        aria-label="Search everything"
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      {answer.failure && asked ? <ErrorBox of={answer.failure} /> : null}
      <div class="hits" role="listbox" aria-label="Found">
        {hits.map((hit, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and takes the keys
          <div
            key={`${hit.kind}:${hit.id}`}
            role="option"
            aria-selected={index === at}
            onClick={() => open(index)}
          >
            <span class="kind">{hit.kind}</span>
            <Id of={hit.id} />
            <Text of={hit.text} most={120} />
          </div>
        ))}
      </div>
      {asked && answer.data && hits.length === 0 ? (
        <p class="quiet">Nothing begins with or contains this.</p>
      ) : null}
      {answer.data?.truncated ? <p class="quiet">There is more: type more of it.</p> : null}
    </dialog>
  );
}
