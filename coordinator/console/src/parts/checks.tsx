//! The checks of `doctor`, each with what to do.

import type { Check } from "../api/types.ts";
import { CopyButton } from "./copy.tsx";
import { State } from "./states.tsx";
import { Text } from "./text.tsx";

/** A list of checks; on a page of their own (`isAll`) they have more room. */
export function CheckList({ of, isAll = false }: { of: Check[]; isAll?: boolean }) {
  return (
    <ul class={isAll ? "verdicts all" : "verdicts"}>
      {of.map((check) => (
        <li key={check.name}>
          <State of={check.verdict} />
          <b>
            <Text of={check.name} most={40} />
          </b>
          <span class="message">
            <Text of={check.message} most={isAll ? 600 : 400} />
          </span>
          {check.try ? (
            <span class="next">
              <code>
                <Text of={check.try} most={200} />
              </code>
              <CopyButton text={check.try} label="Copy what to do" />
            </span>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
