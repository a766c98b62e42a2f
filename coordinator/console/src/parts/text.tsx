//! Text, times and ids on a page. Whatever an endpoint or the coordinator says goes through `Text`.

import { cut, escaped } from "../text/escape.ts";
import * as format from "../text/format.ts";
import { type Figure, NONE } from "../text/format.ts";
import { ago, brief, isUtc, moment, tick } from "../text/time.ts";

/** Characters of a tooltip. */
const TITLE_MAX = 2000;

/** Shows text that is not trusted: escaped, and cut with "…" beyond `most` characters. */
export function Text({ of, most = 200 }: { of: string | null | undefined; most?: number }) {
  if (!of) return <span class="none">{NONE}</span>;
  const whole = escaped(of.length > 70_000 ? of.slice(0, 70_000) : of);
  const shown = cut(whole, most);
  return (
    <span title={shown === whole && whole.length < 24 ? undefined : cut(whole, TITLE_MAX)}>{shown}</span>
  );
}

/** Shows an id: its beginning, all of it on hover. */
export function Id({ of, href }: { of: string; href?: string }) {
  const shown = cut(escaped(format.brief(of)), 40);
  return href ? (
    <a class="id" href={href} title={cut(escaped(of), 300)}>
      {shown}
    </a>
  ) : (
    <span class="id" title={cut(escaped(of), 300)}>
      {shown}
    </span>
  );
}

/** Shows how long ago a time was, by the coordinator's clock. */
export function Age({ of, suffix = " ago" }: { of: string | null | undefined; suffix?: string }) {
  tick.value;
  isUtc.value;
  const ms = ago(of);
  return (
    <time title={moment(of)} dateTime={of ?? undefined}>
      {ms === undefined ? NONE : `${format.short(ms)}${suffix}`}
    </time>
  );
}

/** Shows a moment with its zone. */
export function Moment({ of }: { of: string | null | undefined }) {
  isUtc.value;
  return <time dateTime={of ?? undefined}>{moment(of)}</time>;
}

/** Shows a moment in a column whose head names the zone. */
export function When({ of }: { of: string | null | undefined }) {
  isUtc.value;
  return (
    <time title={moment(of)} dateTime={of ?? undefined}>
      {brief(of)}
    </time>
  );
}

/** Shows a figure: quiet where it is 0. */
export function Num({ of, as = format.count }: { of: Figure; as?: (figure: Figure) => string }) {
  const isZero = of === null || of === undefined || Number(of) === 0;
  return <span class={isZero ? "num zero" : "num"}>{as(of)}</span>;
}
