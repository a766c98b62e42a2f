//! The call graph of one function: its callers above it, what it calls below, edges as thick as their cost.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { brief, type FlameData, modelOf, plain } from "../../../server/src/profiles/views/flame/model.js";
import { Empty } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { cut, escaped } from "../text/escape.ts";
import { count, percent } from "../text/format.ts";
import { type Box, type Calls, callsOf, type Edge } from "./calls.ts";
import { amount, FunctionName, ShareBar } from "./cells.tsx";
import { functionOf, type Selected, useSelected } from "./selected.ts";

/** Sizes in pixels. */
const WIDTH = 188;
const HEIGHT = 42;
const GAP_X = 14;
const GAP_Y = 46;
const EDGE = 10;
/** Characters of a label. */
const LABEL = 25;
/** Functions of one layer, at least and at most, as the width allows. */
const ROW_MIN = 4;
const ROW_MAX = 12;

/** Draws the tab. */
export function CallsTab({ data, command }: { data: FlameData; command: string }) {
  const address = useAddress();
  const selected = useSelected(address);
  const model = useMemo(() => modelOf(data), [data]);
  const tree = useMemo(() => model.build(""), [model]);
  const side = data.sides.length - 1;
  const name = functionOf(selected.word, data.names);
  const host = useRef<HTMLDivElement>(null);
  const [most, setMost] = useState(ROW_MIN);
  useLayoutEffect(() => {
    const fit = Math.floor(((host.current?.clientWidth ?? 0) - 2 * EDGE) / (WIDTH + GAP_X));
    setMost(Math.min(ROW_MAX, Math.max(ROW_MIN, fit)));
  }, []);
  const calls = useMemo(() => callsOf(model, tree, name, side, most), [model, tree, name, side, most]);
  if (!calls) {
    return (
      <Empty title="The selected function is not in this profile">
        <p>
          It may be of another kind or agent. <a href={selected.href("")}>Show the whole program</a>.
        </p>
      </Empty>
    );
  }
  const whole = tree.root.total[side] ?? 0;
  return (
    <div class="callstab" ref={host}>
      <Panel class="flush" command={command}>
        <div class="toolbar inset">
          {name ? (
            <>
              <FunctionName of={name} most={90} />
              <span class="quiet">
                total {amount(calls.focus.total, data.unit)}, {share(calls.focus.total, whole)} · own{" "}
                {amount(calls.focus.own, data.unit)}, {share(calls.focus.own, whole)}
              </span>
              <span class="space" />
              <button type="button" onClick={() => selected.choose("")}>
                <Icon name="zoom-out" /> Whole program
              </button>
            </>
          ) : (
            <span class="quiet">
              The whole program, from where threads begin. Choose a function: here, or in any other view.
            </span>
          )}
          {calls.leftOut > 0 ? (
            <span class="quiet">{count(calls.leftOut)} smaller or farther functions are not drawn</span>
          ) : null}
        </div>
        <Drawing calls={calls} data={data} selected={selected} />
      </Panel>
      {name ? (
        <div class="pair">
          <Neighbours
            title="Callers"
            edges={calls.callers}
            of={(edge) => edge.from}
            calls={calls}
            unit={data.unit}
            selected={selected}
          />
          <Neighbours
            title="Callees"
            edges={calls.callees}
            of={(edge) => edge.to}
            calls={calls}
            unit={data.unit}
            selected={selected}
          />
        </div>
      ) : null}
    </div>
  );
}

function share(part: number, whole: number): string {
  return percent(whole > 0 ? (part * 100) / whole : 0);
}

/** The graph as a picture. */
function Drawing({ calls, data, selected }: { calls: Calls; data: FlameData; selected: Selected }) {
  const whole = calls.focus.total;
  const layers = calls.boxes.map((box) => box.layer);
  const [top, bottom] = [Math.min(...layers), Math.max(...layers)];
  const reach = Math.max(...calls.boxes.map((box) => Math.abs(box.order)));
  const width = (reach * 2 + 1) * (WIDTH + GAP_X) + 2 * EDGE;
  const height = (bottom - top) * (HEIGHT + GAP_Y) + HEIGHT + 2 * EDGE;
  const x = (box: Box) => width / 2 + box.order * (WIDTH + GAP_X) - WIDTH / 2;
  const y = (box: Box) => EDGE + (box.layer - top) * (HEIGHT + GAP_Y);
  const view = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = view.current;
    if (!element) return;
    element.scrollLeft = (element.scrollWidth - element.clientWidth) / 2;
    element.scrollTop = y(calls.focus) + HEIGHT / 2 - element.clientHeight / 2;
  }, [calls]);
  return (
    <div class="callsview" ref={view}>
      <svg
        class="calls"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="group"
        aria-label="Call graph"
      >
        {calls.edges.map((edge) => (
          <Line key={`${edge.from.name}\u0000${edge.to.name}`} edge={edge} x={x} y={y} whole={whole} />
        ))}
        {calls.boxes.map((box) => {
          const fill =
            box.node.node === 0 ? undefined : data.palette[data.nodes[box.node.node * 6 + 4] ?? -1];
          const label = brief(plain(box.name));
          return (
            <g
              key={box.name}
              class={box === calls.focus ? "box focus" : "box"}
              role="button"
              tabindex={0}
              onClick={() => selected.choose(box.node.node === 0 ? "" : box.name)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" && event.key !== " ") return;
                event.preventDefault();
                selected.choose(box.node.node === 0 ? "" : box.name);
              }}
            >
              <title>{cut(escaped(`${box.name}${box.file ? `\n${box.file}:${box.line}` : ""}`), 600)}</title>
              <rect x={x(box)} y={y(box)} width={WIDTH} height={HEIGHT} rx={5} />
              <rect class="swatch" x={x(box)} y={y(box)} width={4} height={HEIGHT} style={{ fill }} />
              <rect
                class="cost"
                x={x(box) + 4}
                y={y(box) + HEIGHT - 4}
                width={(WIDTH - 8) * ratio(box.total, whole)}
                height={3}
              />
              <text x={x(box) + 12} y={y(box) + 17}>
                {cut(escaped(label), LABEL)}
              </text>
              <text class="dim" x={x(box) + 12} y={y(box) + 32}>
                {`${amount(box.total, data.unit)} · ${share(box.total, whole)}${box.own > 0 ? ` · own ${share(box.own, whole)}` : ""}`}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
}

function Line({
  edge,
  x,
  y,
  whole,
}: {
  edge: Edge;
  x: (box: Box) => number;
  y: (box: Box) => number;
  whole: number;
}) {
  const part = ratio(edge.value, whole);
  const [fromX, toX] = [x(edge.from) + WIDTH / 2, x(edge.to) + WIDTH / 2];
  const style = { strokeWidth: 1 + 7 * Math.sqrt(part) };
  const label = percent(part * 100);
  // A call within a layer, back up, or of itself goes round at the side.
  if (edge.to.layer <= edge.from.layer) {
    const [fromY, toY] = [y(edge.from) + HEIGHT / 2, y(edge.to) + HEIGHT / 2];
    const side = x(edge.from) + WIDTH;
    const end = x(edge.to) + WIDTH;
    const out = Math.max(side, end) + 14;
    return (
      <path
        class="edge back"
        style={style}
        d={`M${side} ${fromY}C${out} ${fromY} ${out} ${toY} ${end} ${toY}`}
      />
    );
  }
  const [fromY, toY] = [y(edge.from) + HEIGHT, y(edge.to)];
  const bend = (toY - fromY) / 2;
  const isNear = edge.to.layer - edge.from.layer === 1;
  return (
    <>
      <path
        class={isNear ? "edge" : "edge far"}
        style={style}
        d={`M${fromX} ${fromY}C${fromX} ${fromY + bend} ${toX} ${toY - bend} ${toX} ${toY}`}
      />
      {isNear && part >= 0.02 ? (
        <text class="edgelabel" x={(fromX + toX) / 2} y={(fromY + toY) / 2 + 4}>
          {label}
        </text>
      ) : null}
    </>
  );
}

function Neighbours({
  title,
  edges,
  of,
  calls,
  unit,
  selected,
}: {
  title: string;
  edges: Edge[];
  of: (edge: Edge) => Box;
  calls: Calls;
  unit: string;
  selected: Selected;
}) {
  const columns: Column<Edge>[] = [
    {
      id: "share",
      title: "Share",
      about: "Of what the function costs in all",
      width: "150px",
      cell: (edge) => <ShareBar of={ratio(edge.value, calls.focus.total) * 100} />,
    },
    { id: "cost", title: "Cost", width: "100px", align: "right", cell: (edge) => amount(edge.value, unit) },
    {
      id: "function",
      title: "Function",
      width: "minmax(200px, 1fr)",
      cell: (edge) => <FunctionName of={of(edge).name} />,
    },
    {
      id: "module",
      title: "Module",
      width: "130px",
      cell: (edge) => <Text of={of(edge).module} most={40} />,
    },
  ];
  return (
    <Panel class="flush" title={title}>
      <Table
        label={title}
        columns={columns}
        rows={edges}
        total={edges.length}
        id={(edge) => of(edge).name}
        onOpen={(edge) => selected.choose(of(edge).node.node === 0 ? "" : of(edge).name)}
        empty={
          <Empty title={title === "Callers" ? "Threads begin here" : "It calls nothing that was sampled"} />
        }
      />
    </Panel>
  );
}
