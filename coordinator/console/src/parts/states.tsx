//! States by colour and by shape, and the bar of the twelve states of a hunt, which always adds up.

import { cut, escaped } from "../text/escape.ts";
import { count, type Figure } from "../text/format.ts";
import { Icon } from "./icon.tsx";

/** The states of an agent's part, in the order of every output, with what each means. */
export const STATES: ReadonlyMap<string, string> = new Map([
  ["silent", "Nothing is known to have reached the agent"],
  ["seen", "The agent has the request"],
  ["queued", "Waits for a lane"],
  ["running", "Runs"],
  ["paused", "Stopped for a while"],
  ["finishing", "Has ended; chunks are still missing"],
  ["finished", "Has ended well and everything is stored"],
  ["failed", "Ended by an error"],
  ["cancelled", "Ended by the operator"],
  ["declined", "Refused by the agent"],
  ["expired", "Never began, and now may not"],
  ["incomplete", "Ended, and chunks have been missing for too long"],
]);

/** States of an agent. */
export const AGENT_STATES: ReadonlyMap<string, string> = new Map([
  ["live", "Heard of lately"],
  ["silent", "Not heard of for too long"],
  ["new", "Enrolled, and never heard of"],
  ["quarantined", "Shut out of the broker until the quarantine is lifted"],
  ["revoked", "Its credentials were taken back"],
]);

/** Verdicts of a check. */
const KNOWN = new Set([...STATES.keys(), ...AGENT_STATES.keys(), "ok", "warn", "bad"]);

/** Shows a state: its shape, colour and word, or what it says instead. A state that these pages do not know is shown as it is. */
export function State({ of, says, isBare = false }: { of: string; says?: string; isBare?: boolean }) {
  const known = KNOWN.has(of) ? of : "unknown";
  const word = says ?? cut(escaped(of), 24);
  return (
    <span
      class={isBare ? "state bare" : "state"}
      data-state={known}
      title={says ?? STATES.get(of) ?? AGENT_STATES.get(of) ?? word}
    >
      <Icon name={`s-${known}`} size={12} />
      {isBare ? <span class="sr">{word}</span> : word}
    </span>
  );
}

/** Returns counts by state in the order of every output: known states, zeros too, then unknown ones. */
export function inOrder(
  states: Record<string, Figure>,
  order: ReadonlyMap<string, string> = STATES,
): [string, number][] {
  const known = [...order.keys()].map((state): [string, number] => [
    state,
    Number(Object.hasOwn(states, state) ? states[state] : 0) || 0,
  ]);
  const unknown = Object.entries(states)
    .filter(([state, figure]) => !order.has(state) && Number(figure) > 0)
    .map(([state, figure]): [string, number] => [state, Number(figure)]);
  return [...known, ...unknown];
}

/** The bar alone, for a table. */
export function Bar({
  states,
  targeted,
  order = STATES,
}: {
  states: Record<string, Figure>;
  targeted: Figure;
  order?: ReadonlyMap<string, string>;
}) {
  const all = inOrder(states, order).filter(([, n]) => n > 0);
  const sum = all.reduce((so, [, n]) => so + n, 0);
  const says = all.map(([state, n]) => `${count(n)} ${escaped(state)}`).join(", ");
  return (
    <span class="bar" role="img" aria-label={says || "nobody"} title={says}>
      {all.map(([state, n]) => (
        <i
          key={state}
          data-state={order.has(state) ? state : "unknown"}
          style={{ flexGrow: n / Math.max(sum, Number(targeted) || 0, 1) }}
        />
      ))}
    </span>
  );
}

interface Props {
  states: Record<string, Figure>;
  targeted: Figure;
  /** Makes the link of a state. */
  href?: (state: string) => string;
  /** The state that is chosen. */
  chosen?: string;
  order?: ReadonlyMap<string, string>;
  /** What the sum is called. */
  sum?: string;
}

/** The bar with all its numbers, "= N targeted". */
export function StateBar({ states, targeted, href, chosen, order = STATES, sum = "targeted" }: Props) {
  const all = inOrder(states, order);
  const added = all.reduce((so, [, n]) => so + n, 0);
  return (
    <div class="statebar">
      <Bar states={states} targeted={targeted} order={order} />
      <ul>
        {all.map(([state, n]) => {
          const inner = (
            <>
              <b class={n ? "num" : "num zero"}>{count(n)}</b>
              <State of={state} />
            </>
          );
          return (
            <li key={state} data-zero={n ? undefined : ""}>
              {href ? (
                <a href={href(state)} aria-current={chosen === state ? "true" : undefined}>
                  {inner}
                </a>
              ) : (
                <span>{inner}</span>
              )}
            </li>
          );
        })}
        <li class="sum">
          <span>
            <b class="num">= {count(targeted)}</b>
            {sum}
            {added !== Number(targeted) ? <em class="bad"> (the states add up to {count(added)})</em> : null}
          </span>
        </li>
      </ul>
    </div>
  );
}
