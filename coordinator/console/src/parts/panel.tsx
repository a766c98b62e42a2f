//! A panel: a head with the age of what it shows, the command that gives the same, and its content.

import type { ComponentChildren } from "preact";
import { link } from "../api/live.ts";
import type { Answer } from "../api/use.ts";
import { ago } from "../text/time.ts";
import { ErrorBox, Loading } from "./boxes.tsx";
import { Command } from "./copy.tsx";
import { Fence } from "./fence.tsx";
import { Age } from "./text.tsx";

interface Props {
  title?: ComponentChildren;
  /** The answer's own time. */
  asOf?: string | undefined | null;
  /** The command that gives the same. */
  command?: string | undefined;
  /** What stands at the right of the head. */
  actions?: ComponentChildren;
  class?: string;
  children?: ComponentChildren;
}

/** A panel. */
export function Panel({ title, asOf, command, actions, children, ...rest }: Props) {
  const isOld = link.value.state === "broken";
  const hasAge = asOf ? ago(asOf) !== undefined : false;
  return (
    <section class={`panel ${rest.class ?? ""}`} data-old={isOld ? "" : undefined}>
      {title || actions || hasAge ? (
        <header>
          {title ? <h2>{title}</h2> : null}
          <span class="space" />
          {hasAge ? (
            <span class="asof">
              <Age of={asOf} />
            </span>
          ) : null}
          {actions}
        </header>
      ) : null}
      <div class="content">{children}</div>
      {command ? <Command text={command} /> : null}
    </section>
  );
}

/** Draws within the fence: what an answer lacks must not take the page down. */
function Draw<T>({ data, draw }: { data: T; draw: (data: T) => ComponentChildren }) {
  return <>{draw(data)}</>;
}

/** Shows an answer: its failure, that it is awaited, or what `children` makes of it. */
export function Show<T>({ of, children }: { of: Answer<T>; children: (data: T) => ComponentChildren }) {
  if (of.failure && (of.data === undefined || of.failure.isMissing))
    return <ErrorBox of={of.failure} retry={of.reload} />;
  if (of.data === undefined) return <Loading />;
  return (
    <>
      {of.failure ? <ErrorBox of={of.failure} retry={of.reload} /> : null}
      <Fence>
        <Draw data={of.data} draw={children} />
      </Fence>
    </>
  );
}

/** Names and values, aligned. */
export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** One figure with its name below it. */
export function Stat({
  name,
  value,
  note,
  href,
}: {
  name: string;
  value: ComponentChildren;
  note?: ComponentChildren;
  href?: string;
}) {
  const inner = (
    <>
      <span class="value">{value}</span>
      <span class="name">{name}</span>
      {note ? <span class="note">{note}</span> : null}
    </>
  );
  return href ? (
    <a class="stat" href={href}>
      {inner}
    </a>
  ) : (
    <div class="stat">{inner}</div>
  );
}
