//! What tables of profiles have in common: a function, its place, a share with a bar.

import { amountIn, plain } from "../../../server/src/profiles/views/flame/model.js";
import { Text } from "../parts/text.tsx";
import { cut, escaped } from "../text/escape.ts";
import { count, percent } from "../text/format.ts";

/** Characters of a tooltip. */
const TITLE_MAX = 1000;

/** A function's name without its type parameters; all of it on hover. */
export function FunctionName({ of, most = 140 }: { of: string; most?: number }) {
  if (!of) return <span class="quiet">(no name)</span>;
  const short = plain(of.length > 4096 ? of.slice(0, 4096) : of);
  return (
    <code class="fn" title={cut(escaped(of.slice(0, 2 * TITLE_MAX)), TITLE_MAX)}>
      <Text of={short} most={most} />
    </code>
  );
}

/** File and line, the file's last name alone. */
export function Place({ file, line }: { file: string; line: number | null }) {
  if (!file) return null;
  const at = line ? `:${line}` : "";
  return (
    <span class="quiet place" title={cut(escaped(`${file.slice(-TITLE_MAX)}${at}`), 2 * TITLE_MAX)}>
      <Text of={`${file.slice(file.lastIndexOf("/") + 1)}${at}`} most={60} />
    </span>
  );
}

/** A share in percent, with a bar behind it. */
export function ShareBar({ of }: { of: number }) {
  return (
    <span class="sharebar">
      <i style={{ width: `${Math.min(100, Math.max(0, of))}%` }} />
      <span class="num">{percent(of)}</span>
    </span>
  );
}

/** Writes a value in the unit of its profile. */
export function amount(value: number, unit: string): string {
  return unit === "count" ? count(value) : amountIn(unit, Number(value));
}

/** What a collection of a profile is: a hunt, or none. */
export function HuntName({ of }: { of: string }) {
  if (of === "agent") return <span>the agent itself</span>;
  if (of === "untagged") return <span>threads nobody claimed</span>;
  return (
    <a href={`/hunts/${encodeURIComponent(of)}`} class="id">
      <Text of={of} most={40} />
    </a>
  );
}
