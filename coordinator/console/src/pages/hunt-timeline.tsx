//! How a hunt went: agents that were heard of and that ended, and rows, by the coordinator's clock.

import { useMemo } from "preact/hooks";
import type { HuntTimeline as Document, TimelinePoint } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Curves } from "../parts/curve.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import type { Plot } from "../parts/plot.ts";
import { count } from "../text/format.ts";

/** The panel. */
export function HuntTimeline({ id, isDone }: { id: string; isDone: boolean }) {
  // The end itself asks once more: what was read before it does not have the last parts.
  const again = isDone ? { mark: isDone } : { mark: isDone, topic: `hunt:${id}`, restMs: 2000 };
  const answer = useGet<Document>(`/hunts/${encodeURIComponent(id)}/timeline`, {}, again);
  return (
    <Panel title="How it goes" asOf={answer.data?.as_of}>
      <Show of={answer}>
        {(timeline) =>
          timeline.points.length > 1 ? <Body of={timeline} /> : <p class="quiet">Nothing was heard yet.</p>
        }
      </Show>
    </Panel>
  );
}

function ended(point: TimelinePoint): { well: number; other: number } {
  const states = point.ended;
  const well = Number(states.finished);
  const all = Object.values(states).reduce((sum: number, n) => sum + Number(n), 0);
  return { well, other: all - well };
}

function Body({ of }: { of: Document }) {
  const { times, plots } = useMemo(() => plotsOf(of), [of]);
  return <Curves times={times} plots={plots} isWide fromMs={times[0] ?? 0} toMs={times.at(-1) ?? 1} />;
}

function plotsOf(of: Document): { times: number[]; plots: Plot[] } {
  const { points } = of;
  return {
    times: points.map((point) => Date.parse(point.at)),
    plots: [
      {
        title: "Agents",
        lines: [
          {
            label: "heard",
            color: "--c-2",
            isDashed: true,
            values: points.map((point) => Number(point.heard)),
          },
          {
            label: "finished",
            color: "--c-1",
            isFilled: true,
            values: points.map((point) => ended(point).well),
          },
          { label: "other end", color: "--c-3", values: points.map((point) => ended(point).other) },
        ],
        format: count,
        height: 100,
        isWhole: true,
      },
      {
        title: "Rows stored",
        lines: [
          {
            label: "rows",
            color: "--c-4",
            isFilled: true,
            values: points.map((point) => Number(point.rows)),
          },
        ],
        format: count,
        height: 100,
        isWhole: true,
      },
    ],
  };
}
