//! The fleet over time: how CPU and memory are spread over the agents.

import { useMemo } from "preact/hooks";
import type { FleetCurve as Document, FleetPoint, Spread } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { Curves, withGaps } from "../parts/curve.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import type { Line, Plot } from "../parts/plot.ts";
import { SpanChoice } from "../parts/span.tsx";
import { bytes, count, percent } from "../text/format.ts";

/** The panel. */
export function FleetCurve({ span, onSpan }: { span: string; onSpan: (span: string) => void }) {
  const answer = useGet<Document>("/telemetry/fleet", { since: span }, { everyMs: 60_000 });
  return (
    <Panel
      title="The fleet over time"
      asOf={answer.asOf}
      command={`muster telemetry fleet --since ${span}`}
      actions={<SpanChoice value={span} onChange={onSpan} />}
    >
      <Show of={answer}>{(curve) => (curve.points.length ? <Body of={curve} /> : <None />)}</Show>
    </Panel>
  );
}

function None() {
  return (
    <Empty title="Nothing came in this span">
      <p>
        Agents send a sample every ten seconds; minutes are kept for days and hours for months. Choose a
        longer span.
      </p>
    </Empty>
  );
}

function Body({ of }: { of: Document }) {
  const { times, plots } = useMemo(() => plotsOf(of), [of]);
  return <Curves times={times} plots={plots} fromMs={Date.parse(of.since)} toMs={Date.parse(of.until)} />;
}

function plotsOf(of: Document): { times: number[]; plots: Plot[] } {
  const points = withGaps(of.points, (point) => Date.parse(point.at), Number(of.step_ms));
  const isGap = (point: FleetPoint | { gap: number }): point is { gap: number } => "gap" in point;
  const times = points.map((point) => (isGap(point) ? point.gap : Date.parse(point.at)));
  const column = (read: (point: FleetPoint) => number) =>
    points.map((point) => (isGap(point) ? null : Number(read(point))));
  const spread = (name: "cpu_percent" | "rss_bytes"): Line[] =>
    (["p50", "p95", "p99", "max"] as (keyof Spread)[]).map((key, at) => ({
      label: key,
      color: `--c-${at + 1}`,
      isDashed: key === "max",
      values: column((point) => point[name][key]),
    }));
  return {
    times,
    plots: [
      {
        title: "CPU, percent of one core",
        lines: spread("cpu_percent"),
        format: percent,
        height: 120,
        least: 5,
      },
      { title: "Resident memory", lines: spread("rss_bytes"), format: bytes, height: 100 },
      {
        title: "Agents heard of",
        lines: [
          { label: "live", color: "--c-2", values: column((point) => point.live) },
          { label: "silent", color: "--c-3", isDashed: true, values: column((point) => point.silent) },
        ],
        format: count,
        height: 80,
        isWhole: true,
      },
    ],
  };
}
