//! The flame graph in a page: the coordinator's own script draws, the address holds what it shows.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type FlameGraph, flame } from "../../../server/src/profiles/views/flame/flame.js";
import { type FlameData, percent, share } from "../../../server/src/profiles/views/flame/model.js";
import { cut, escaped } from "../text/escape.ts";

/** Distance of the picture from its edges. */
const EDGE = 1;
/** Below the last row. */
const FOOT = 8;
/** Narrower pictures scroll. */
const WIDTH_MIN = 500;

/** What is drawn. */
export interface Shown {
  colour: string;
  /** Whose values are widths: 0, or 1 for the later of two. */
  side: number;
  /** The frame that is zoomed to, as a word. */
  zoom: string;
  search: string;
  /** The function that is selected. */
  selected: string;
  /** Whether its callers and callees are drawn instead of all stacks. */
  isAround: boolean;
}

interface Props {
  data: FlameData;
  shown: Shown;
  label: string;
  /** Called when a frame was picked. */
  onPick: (change: { zoom: string; selected: string }) => void;
  /** Told what the picture says beside itself. */
  onDrawn: (said: Drawn) => void;
}

/** What the picture says beside itself. */
export interface Drawn {
  /** What the search matches; empty without one. */
  matched: string;
  legend: { text: string; fill: string; part: number }[];
  /** Whether a frame is zoomed to. */
  isZoomed: boolean;
}

/** Draws the picture. */
export function Graph({ data, shown, label, onPick, onDrawn }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const svg = useRef<SVGSVGElement>(null);
  const [told, setTold] = useState("");
  const [width, setWidth] = useState(0);
  const latest = useRef({ onPick, onDrawn });
  latest.current = { onPick, onDrawn };
  const graph = useRef<FlameGraph | null>(null);
  const fitted = useRef<{ graph?: FlameGraph; width?: number }>({});

  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return;
    const measure = () => setWidth(Math.max(WIDTH_MIN, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = svg.current;
    if (!element) return;
    element.replaceChildren();
    const made: FlameGraph = flame(element, data, {
      margin: EDGE,
      top: EDGE,
      width: WIDTH_MIN,
      changed: (state) => latest.current.onPick({ zoom: made.wordOf(state.zoom), selected: state.selected }),
      told: setTold,
      escape: escaped,
    });
    graph.current = made;
    return () => element.replaceChildren();
  }, [data]);

  const key = useMemo(() => JSON.stringify(shown), [shown]);
  useLayoutEffect(() => {
    const made = graph.current;
    const element = svg.current;
    if (!made || !element || width === 0) return;
    if (fitted.current.graph !== made || fitted.current.width !== width) made.fit(width);
    fitted.current = { graph: made, width };
    const { zoom, selected, isAround, ...rest } = shown;
    // The tree of another grouping has other frames: it is built before the zoom is looked up.
    made.set({ ...rest, selected, zoom: null, around: isAround ? selected : "" });
    made.set({ zoom: zoom && !isAround ? made.nodeOf(zoom) : null });
    const height = made.draw() + FOOT;
    element.setAttribute("width", String(width));
    element.setAttribute("height", String(height));
    element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const whole = made.tree().root.total[made.state.side] ?? 0;
    const sum = shown.search ? made.sum() : 0;
    latest.current.onDrawn({
      matched: shown.search ? `${percent(share(sum, whole))}, ${made.model.amount(sum)}` : "",
      legend: made.legend(),
      isZoomed: made.state.zoom !== null,
    });
  }, [data, key, width]);

  useEffect(() => () => graph.current?.hide(), []);

  return (
    <div class="flamehost" ref={host}>
      <svg
        ref={svg}
        class="flame"
        role="application"
        aria-roledescription="flame graph"
        aria-label={`${label}. Arrows move, Enter zooms, Escape goes back.`}
        tabindex={0}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          if (event.key === "Escape") onPick({ zoom: "", selected: "" });
          else if (!graph.current?.key(event)) return;
          event.preventDefault();
        }}
        onBlur={() => graph.current?.hide()}
      />
      <span class="sr" aria-live="polite">
        {cut(told, 300)}
      </span>
    </div>
  );
}
