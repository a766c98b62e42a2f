//! What a set of agents is made of, at the side of a list: a click adds a condition to the target.

import type { FacetCount, Facets } from "../api/types.ts";
import { cut, escaped } from "../text/escape.ts";
import { count } from "../text/format.ts";
import { State } from "./states.tsx";

/** Values of a facet that are shown until more are asked for. */
const SHOWN = 8;

interface Props {
  of: Facets;
  /** The state that is chosen. */
  state: string;
  onState: (state: string) => void;
  /** Takes a condition: `label:role=web`. */
  onTerm: (term: string) => void;
}

/** The facets. */
export function FacetList({ of, state, onState, onTerm }: Props) {
  return (
    <aside class="facets" aria-label="What they are">
      <section>
        <h2>State</h2>
        {of.state.map(({ value, count: n }) => (
          <button
            key={value}
            type="button"
            aria-pressed={state === value}
            onClick={() => onState(state === value ? "" : value)}
          >
            <State of={value} />
            <span class="num">{count(n)}</span>
          </button>
        ))}
      </section>
      <Values title="OS" values={of.os} term={(value) => `os:${value}`} onTerm={onTerm} />
      <Values title="Version" values={of.version} term={(value) => `version:${value}`} onTerm={onTerm} />
      {of.labels.map((label) => (
        <Values
          key={label.key}
          title={label.key}
          values={label.values}
          term={(value) => `label:${label.key}=${value}`}
          onTerm={onTerm}
          isLabel
        />
      ))}
    </aside>
  );
}

interface ValuesProps {
  title: string;
  values: FacetCount[];
  term: (value: string) => string;
  onTerm: (term: string) => void;
  isLabel?: boolean;
}

function Values({ title, values, term, onTerm, isLabel }: ValuesProps) {
  const rows = (some: FacetCount[]) =>
    some.map(({ value, count: n }) => {
      // What holds a space or a parenthesis cannot be written in an expression; `?` stands for one character.
      const word = term(value).replace(/[\s()*?[\]]/g, "?");
      return (
        <button
          key={value}
          type="button"
          title={`${cut(escaped(value), 400)}: adds ${cut(escaped(word), 200)}`}
          onClick={() => onTerm(word)}
        >
          <span class="value">{cut(escaped(value), 40) || "(empty)"}</span>
          <span class="num">{count(n)}</span>
        </button>
      );
    });
  return (
    <section>
      <h2>
        {isLabel ? <span class="quiet">label </span> : null}
        {cut(escaped(title), 40)}
      </h2>
      {rows(values.slice(0, SHOWN))}
      {values.length > SHOWN ? (
        <details>
          <summary>{values.length - SHOWN} more</summary>
          {rows(values.slice(SHOWN))}
        </details>
      ) : null}
    </section>
  );
}
