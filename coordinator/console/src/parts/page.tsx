//! The frame of one page: its title, what stands beside it, and its content.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { cut, escaped } from "../text/escape.ts";

/** Names the tab of the browser. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${cut(escaped(title), 80)} · Muster`;
  }, [title]);
}

interface Props {
  /** The title of the tab, and of the page unless `head` says more. */
  title: string;
  head?: ComponentChildren;
  actions?: ComponentChildren;
  /** The page is as high as the window, and a table in it scrolls. */
  fills?: boolean;
  children: ComponentChildren;
}

/** A page. */
export function Page({ title, head, actions, fills, children }: Props) {
  useTitle(title);
  return (
    <main class={fills ? "page fills" : "page"}>
      <header class="pagehead">
        <div class="title">{head ?? <h1>{title}</h1>}</div>
        {actions ? <div class="actions">{actions}</div> : null}
      </header>
      {children}
    </main>
  );
}
