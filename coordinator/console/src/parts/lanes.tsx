//! What ran during the span of a curve: a lane for each hunt and profile, below the time axis.

import { cut, escaped } from "../text/escape.ts";
import { count, duration } from "../text/format.ts";
import { Icon } from "./icon.tsx";
import { AXIS, EDGE } from "./plot.ts";

/** One thing that ran. */
export interface Lane {
  id: string;
  kind: string;
  state: string;
  fromMs: number;
  /** When it ended; nothing while it runs. */
  toMs: number | undefined;
  label: string;
  href: string;
}

/** Rows of lanes; what does not fit in shares the last one, counted. */
const ROWS_MAX = 8;
/** Part of the span that a label takes. */
const LABEL = 0.17;
/** Lanes that are drawn at most. */
const LANES_MAX = 40;

/** Draws the lanes. */
export function Lanes({
  lanes,
  fromMs,
  toMs,
  leftOut,
}: {
  lanes: Lane[];
  fromMs: number;
  toMs: number;
  leftOut: number;
}) {
  const span = Math.max(1, toMs - fromMs);
  const visible = lanes.filter((lane) => lane.fromMs <= toMs && (lane.toMs ?? toMs) >= fromMs);
  const shown = visible.slice(-LANES_MAX);
  const more = visible.length - shown.length + leftOut;
  /** Whether the label has no room behind the beginning: it then stands before it. */
  const isLate = (lane: Lane) => lane.fromMs > toMs - span * LABEL;
  const rows = packed(shown, span, isLate);
  return (
    <div class="lanes" style={{ paddingLeft: `${AXIS}px`, paddingRight: `${EDGE}px` }}>
      {rows.map((row) => (
        <div class="lane" key={row[0]?.id}>
          {row.map((lane) => {
            const from = Math.max(lane.fromMs, fromMs);
            const to = Math.min(lane.toMs ?? toMs, toMs);
            const took = duration((lane.toMs ?? toMs) - lane.fromMs);
            const says = `${lane.kind} ${escaped(lane.id)}: ${cut(escaped(lane.label), 300)}, ${escaped(lane.state)}, ${took}`;
            return (
              <a
                key={`${lane.kind}${lane.id}`}
                href={lane.href}
                data-kind={lane.kind}
                data-open={lane.toMs === undefined ? "" : undefined}
                data-late={isLate(lane) ? "" : undefined}
                title={says}
                style={{
                  left: `min(${((from - fromMs) / span) * 100}%, 100% - 24px)`,
                  width: `${(Math.max(0, to - from) / span) * 100}%`,
                }}
              >
                <Icon name={lane.kind === "profile" ? "flame" : "hunts"} size={12} />
                <span>{cut(escaped(lane.label), 60)}</span>
              </a>
            );
          })}
        </div>
      ))}
      {shown.length === 0 && more === 0 ? <p class="quiet">No hunt and no profile in this span.</p> : null}
      {more > 0 ? <p class="quiet">{count(more)} more: zoom in to see each.</p> : null}
    </div>
  );
}

/** Puts lanes that do not overlap into one row. A short one takes the room of its label. */
function packed(lanes: Lane[], span: number, isLate: (lane: Lane) => boolean): Lane[][] {
  const rows: Lane[][] = [];
  const ends: number[] = [];
  for (const lane of [...lanes].sort((a, b) => a.fromMs - b.fromMs)) {
    const end = Math.max(lane.toMs ?? Number.POSITIVE_INFINITY, lane.fromMs + span * LABEL);
    const begin = isLate(lane) ? lane.fromMs - span * LABEL : lane.fromMs;
    const free = ends.findIndex((until) => until <= begin);
    const at = free >= 0 ? free : Math.min(rows.length, ROWS_MAX - 1);
    const row = rows[at] ?? [];
    rows[at] = [...row, lane];
    ends[at] = Math.max(ends[at] ?? 0, end);
  }
  return rows;
}
