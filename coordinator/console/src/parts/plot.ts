//! One plot over time, drawn by uPlot: lines, the band between least and greatest, gaps where nothing came.

import uPlot from "uplot";
import { isUtc } from "../text/time.ts";

/** Values of a line, one for each time; null where nothing came. */
export type Values = (number | null)[];

/** One line. */
export interface Line {
  label: string;
  /** Name of a CSS variable: `--c-1`. */
  color: string;
  values: Values;
  /** Least and greatest: a band is drawn between them. */
  low?: Values;
  high?: Values;
  /** The area below the line is filled. */
  isFilled?: boolean;
  isDashed?: boolean;
}

/** One plot. */
export interface Plot {
  title: string;
  lines: Line[];
  format: (value: number | null) => string;
  height: number;
  /** The axis reaches at least to here. */
  least?: number;
  /** Steps of the axis are of 1,024, not 1,000. */
  isWhole?: boolean;
}

/** What stands left of every plot: axes of plots below each other are aligned. */
export const AXIS = 64;
/** What stands right of it: half of the widest time of the axis. */
export const EDGE = 26;

/** What happens in a plot. */
export interface Handlers {
  onZoom: (fromMs: number, toMs: number) => void;
  onReset: () => void;
  /** The place of the cursor among the times; null when it has left. */
  onCursor: (index: number | null) => void;
}

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}

/** Returns the color with an opacity. */
function faint(color: string, share: number): string {
  const hex = /^#([0-9a-f]{6})$/i.exec(color)?.[1];
  if (!hex) return color;
  const parts = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return `rgb(${parts.join(" ")} / ${share})`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** Writes the times of the axis, in the zone that is chosen. */
function timeLabels(splits: number[], step: number): string[] {
  let day = "";
  return splits.map((split) => {
    const at = new Date(split * 1000);
    const iso = isUtc.value
      ? at.toISOString()
      : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    const own = iso.slice(5, 10);
    const isNew = day !== "" && own !== day;
    day = own;
    if (step >= 86_400 || isNew) return own;
    return step < 60 ? iso.slice(11, 19) : iso.slice(11, 16);
  });
}

/** Returns the data as uPlot takes it: times in seconds, then each line with its band. */
export function dataOf(times: number[], plot: Plot): uPlot.AlignedData {
  const columns: Values[] = [];
  for (const line of plot.lines) {
    if (line.low && line.high) columns.push(line.high, line.low);
    columns.push(line.values);
  }
  return [times.map((ms) => ms / 1000), ...columns] as uPlot.AlignedData;
}

/** Returns the options of a plot. */
export function optionsOf(
  plot: Plot,
  width: number,
  span: () => [number, number],
  sync: string,
  handlers: Handlers,
): uPlot.Options {
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of plot.lines) {
    const stroke = css(line.color);
    if (line.low && line.high) {
      bands.push({ series: [series.length, series.length + 1], fill: faint(stroke, 0.2) });
      series.push({ stroke: "transparent", points: { show: false } });
      series.push({ stroke: "transparent", points: { show: false } });
    }
    series.push({
      label: line.label,
      stroke,
      width: 1.5,
      points: { size: 4, fill: stroke },
      ...(line.isFilled ? { fill: faint(stroke, 0.15) } : {}),
      ...(line.isDashed ? { dash: [4, 3] } : {}),
    });
  }
  const quiet = css("--text-3");
  const grid = { stroke: css("--line"), width: 1 };
  const font = `11px ${css("--font")}`;
  return {
    width,
    height: plot.height,
    padding: [8, EDGE, 0, 0],
    legend: { show: false },
    tzDate: (at) => (isUtc.value ? uPlot.tzDate(new Date(at * 1000), "Etc/UTC") : new Date(at * 1000)),
    cursor: {
      sync: { key: sync, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      y: false,
      bind: {
        dblclick: () => () => {
          handlers.onReset();
          return null;
        },
      },
    },
    scales: {
      x: { time: true, range: () => span() },
      y: { range: (_, __, most) => [0, Math.max((most ?? 0) * 1.08, plot.least ?? 0) || 1] },
    },
    axes: [
      {
        stroke: quiet,
        grid,
        ticks: { show: false },
        font,
        size: 22,
        gap: 4,
        space: 70,
        values: (_, splits, __, ___, step) => timeLabels(splits, step),
      },
      {
        stroke: quiet,
        grid,
        ticks: { show: false },
        font,
        size: AXIS,
        gap: 6,
        space: 26,
        values: (_, splits) => splits.map((split) => plot.format(split).replace(/\.0(?= )/, "")),
        ...(plot.isWhole
          ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7, 1e8] }
          : {}),
      },
    ],
    series,
    bands,
    hooks: {
      setSelect: [
        (u) => {
          const { left, width: chosen } = u.select;
          if (chosen > 5)
            handlers.onZoom(u.posToVal(left, "x") * 1000, u.posToVal(left + chosen, "x") * 1000);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      setCursor: [
        (u) =>
          handlers.onCursor(
            u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null,
          ),
      ],
    },
  };
}
