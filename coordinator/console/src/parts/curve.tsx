//! Plots below each other over one time axis, with lanes for what ran meanwhile. Drag to zoom, double-click to zoom out.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { isDark } from "../layout/theme.ts";
import { isUtc, moment } from "../text/time.ts";
import { type Lane, Lanes } from "./lanes.tsx";
import { dataOf, type Handlers, optionsOf, type Plot } from "./plot.ts";

interface Props {
  /** Times of the points, in milliseconds. */
  times: number[];
  plots: Plot[];
  /** The span that is shown. */
  fromMs: number;
  toMs: number;
  lanes?: Lane[];
  /** How many lanes there are beside those. */
  lanesLeftOut?: number;
  /** Plots stand beside each other where there is room. */
  isWide?: boolean;
  onZoom?: (fromMs: number, toMs: number) => void;
  onReset?: () => void;
}

/** Plots that are narrower than this stand below each other. */
const BESIDE_MIN = 400;

let syncs = 0;

/** Draws the plots. */
export function Curves(props: Props) {
  const { times, plots } = props;
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  const sync = useMemo(() => `curves-${syncs++}`, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    setWidth(Math.floor(element.clientWidth));
    return () => observer.disconnect();
  }, []);
  const latest = useRef(props);
  latest.current = props;
  const handlers = useMemo<Handlers>(
    () => ({
      onZoom: (from, to) => latest.current.onZoom?.(from, to),
      onReset: () => latest.current.onReset?.(),
      onCursor: setAt,
    }),
    [],
  );
  const time = at === null ? undefined : times[at];
  const isBeside = props.isWide && width / plots.length >= BESIDE_MIN;
  const own = isBeside ? Math.floor(width / plots.length) : width;
  return (
    <div class={isBeside ? "curves wide" : "curves"} ref={box}>
      {plots.map((plot) => (
        <figure key={plot.title}>
          <figcaption>
            <span class="name">{plot.title}</span>
            <span class="space" />
            {plot === plots[0] && time !== undefined ? <span class="at">{moment(time)}</span> : null}
            {plot.lines.map((line) => (
              <Reading key={line.label} plot={plot} index={at ?? lastOf(line.values)} line={line} />
            ))}
          </figcaption>
          {width > 0 ? <One {...props} plot={plot} width={own} sync={sync} handlers={handlers} /> : null}
        </figure>
      ))}
      {props.lanes ? (
        <Lanes
          lanes={props.lanes}
          fromMs={props.fromMs}
          toMs={props.toMs}
          leftOut={props.lanesLeftOut ?? 0}
        />
      ) : null}
    </div>
  );
}

function lastOf(values: (number | null)[]): number {
  return values.findLastIndex((value) => value !== null);
}

/** The value of a line at the cursor, else the latest. */
function Reading({ plot, line, index }: { plot: Plot; line: Plot["lines"][number]; index: number }) {
  const value = line.values[index] ?? null;
  const low = line.low?.[index];
  const high = line.high?.[index];
  const hasBand = typeof low === "number" && typeof high === "number" && low !== high;
  return (
    <span class="atcursor" data-color={line.color}>
      <i class={line.isDashed ? "dashed" : ""} />
      {plot.lines.length > 1 ? line.label : null} <b>{plot.format(value)}</b>
      {hasBand ? (
        <span class="band">
          {plot.format(low)} – {plot.format(high)}
        </span>
      ) : null}
    </span>
  );
}

type OneProps = Omit<Props, "plots"> & { plot: Plot; width: number; sync: string; handlers: Handlers };

/** One plot: made again when its shape changes, else only its data is set. */
function One({ plot, times, width, sync, handlers, fromMs, toMs }: OneProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const span = useRef<[number, number]>([0, 1]);
  span.current = [fromMs / 1000, toMs / 1000];
  const shape = plot.lines.map((line) => `${line.label}${line.low ? "+" : ""}`).join();
  const look = `${isDark.value}${isUtc.value}`;
  const data = dataOf(times, plot);
  const latest = useRef(data);
  latest.current = data;
  const newest = useRef(plot);
  newest.current = plot;
  useEffect(() => {
    if (!place.current) return;
    const options = optionsOf(newest.current, 100, () => span.current, sync, handlers);
    const made = new uPlot(options, latest.current, place.current);
    chart.current = made;
    return () => {
      made.destroy();
      chart.current = undefined;
    };
  }, [shape, look, sync, handlers]);
  useEffect(() => chart.current?.setSize({ width, height: plot.height }), [width, plot.height, shape, look]);
  useEffect(() => chart.current?.setData(latest.current), [times, plot, fromMs, toMs]);
  return <div ref={place} class="plot" role="img" aria-label={labelOf(plot)} />;
}

/** Says for a screen reader what a plot shows. */
function labelOf(plot: Plot): string {
  const parts = plot.lines.map(
    (line) => `${line.label} ${plot.format(line.values[lastOf(line.values)] ?? null)}`,
  );
  return `${plot.title}: ${parts.join(", ")}`;
}

/** Puts nulls where points are missing, so that a gap is a gap. */
export function withGaps<P>(
  points: P[],
  timeOf: (point: P) => number,
  stepMs: number,
): (P | { gap: number })[] {
  const out: (P | { gap: number })[] = [];
  let last: number | undefined;
  for (const point of points) {
    const time = timeOf(point);
    if (last !== undefined && time - last > stepMs * 2.5) out.push({ gap: last + stepMs });
    out.push(point);
    last = time;
  }
  return out;
}
