//! What an agent cost over time, with its hunts and profiles as lanes below.

import { useMemo } from "preact/hooks";
import { get, withQuery } from "../api/client.ts";
import type { CurveView, PointView } from "../api/types.ts";
import { useAsk } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { Curves, withGaps } from "../parts/curve.tsx";
import { huntPath } from "../parts/hunts.tsx";
import { Icon } from "../parts/icon.tsx";
import type { Lane } from "../parts/lanes.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import type { Plot, Values } from "../parts/plot.ts";
import { SpanChoice, spanMs } from "../parts/span.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { bytes, percent, rate } from "../text/format.ts";
import { brief, hear } from "../text/time.ts";

/** The span that is shown at first. */
const FIRST = "1h";
/** Spans of up to this are asked for again as samples come. */
const LIVE_MS = 24 * 3_600_000;

/** The panel. */
export function AgentCurve({ id, topic }: { id: string; topic: string | undefined }) {
  const address = useAddress();
  const [from, to] = [address.get("from"), address.get("to")];
  const isFixed = from !== "" && to !== "";
  const span = address.get("span") || FIRST;
  const query = isFixed ? { since: from, until: to } : { since: span };
  const isLive = !isFixed && spanMs(span) <= LIVE_MS;
  const again = isLive ? { topic, restMs: 5000, pollMs: 10_000 } : {};
  const path = `/telemetry/${encodeURIComponent(id)}`;
  const answer = useAsk<CurveView>(
    withQuery(path, query),
    async (signal) => {
      const curve = await get<CurveView>(path, query, signal);
      // A span that ends now ends at the coordinator's present.
      if (!isFixed) hear(curve.until);
      return curve;
    },
    again,
  );
  const zoom = (fromMs: number, toMs: number) =>
    address.set({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), span: "" });
  const out = () => address.set({ from: "", to: "" });
  const actions = (
    <>
      {isFixed ? (
        <>
          <span class="quiet num">
            {brief(from)} – {brief(to)}
          </span>
          <a
            href={`/profiles?agent=${encodeURIComponent(id)}&since=${encodeURIComponent(from)}&until=${encodeURIComponent(to)}`}
          >
            Profiles of this span
          </a>
          <button type="button" onClick={out} title="Also by a double-click">
            <Icon name="zoom-out" /> Zoom out
          </button>
        </>
      ) : null}
      <SpanChoice
        value={isFixed ? "" : span}
        onChange={(value) => address.set({ span: value, from: "", to: "" })}
      />
    </>
  );
  return (
    <Panel
      title="What it cost"
      asOf={answer.asOf}
      actions={actions}
      command={command(["telemetry", "show", id], isFixed ? { since: from, until: to } : { since: span })}
    >
      <Show of={answer}>{(curve) => <Body of={curve} id={id} onZoom={zoom} onReset={out} />}</Show>
    </Panel>
  );
}

interface BodyProps {
  of: CurveView;
  id: string;
  onZoom: (fromMs: number, toMs: number) => void;
  onReset: () => void;
}

function Body({ of, id, onZoom, onReset }: BodyProps) {
  const { times, plots, lanes } = useMemo(() => ({ ...plotsOf(of), lanes: lanesOf(of, id) }), [of, id]);
  if (of.points.length === 0 && lanes.length === 0) {
    return (
      <Empty title="Nothing was heard in this span">
        <p>Choose a longer one. An agent that runs sends a sample every ten seconds.</p>
      </Empty>
    );
  }
  return (
    <Curves
      times={times}
      plots={plots}
      fromMs={Date.parse(of.since)}
      toMs={Date.parse(of.until)}
      lanes={lanes}
      lanesLeftOut={Number(of.marks_left_out)}
      onZoom={onZoom}
      onReset={onReset}
    />
  );
}

type Gap = { gap: number };
const isGap = (point: PointView | Gap): point is Gap => "gap" in point;

function plotsOf(of: CurveView): { times: number[]; plots: Plot[] } {
  const points = withGaps(of.points, (point) => Date.parse(point.at), Number(of.step_ms));
  const column = (name: keyof PointView): Values =>
    points.map((point) => (isGap(point) ? null : Number(point[name])));
  const isSampled = of.step === "sample";
  const line = (
    label: string,
    color: string,
    name: "cpu_percent" | "rss_bytes" | "read_bytes_per_s" | "written_bytes_per_s",
  ) => ({
    label,
    color,
    values: column(name),
    ...(isSampled ? { isFilled: true } : { low: column(`${name}_min`), high: column(`${name}_max`) }),
  });
  return {
    times: points.map((point) => (isGap(point) ? point.gap : Date.parse(point.at))),
    plots: [
      {
        title: "CPU, percent of one core",
        lines: [line("CPU", "--c-1", "cpu_percent")],
        format: percent,
        height: 130,
        least: 5,
      },
      {
        title: "Resident memory",
        lines: [line("RSS", "--c-2", "rss_bytes")],
        format: bytes,
        height: 90,
        least: 1e6,
      },
      {
        title: "Reads and writes",
        lines: [line("read", "--c-3", "read_bytes_per_s"), line("written", "--c-4", "written_bytes_per_s")],
        format: rate,
        height: 100,
        least: 1e3,
      },
    ],
  };
}

function lanesOf(of: CurveView, agent: string): Lane[] {
  return of.marks.map((mark) => ({
    id: mark.id,
    kind: mark.kind,
    state: mark.state,
    fromMs: Date.parse(mark.started),
    toMs: mark.ended ? Date.parse(mark.ended) : undefined,
    label: `${mark.kind} ${mark.id.slice(0, 8)}${Number(mark.read_bytes) ? `, ${bytes(mark.read_bytes)} read` : ""}`,
    href:
      mark.kind === "profile"
        ? `/profiles/${encodeURIComponent(mark.id)}/${encodeURIComponent(agent)}`
        : huntPath(mark.id),
  }));
}
