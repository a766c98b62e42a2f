//! The flame graph with its switches.

import { useCallback, useEffect, useState } from "preact/hooks";
import { type FlameData, plain } from "../../../server/src/profiles/views/flame/model.js";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/panel.tsx";
import { Choice } from "../parts/tabs.tsx";
import { Text } from "../parts/text.tsx";
import { type Address, useAddress } from "../parts/url.ts";
import { percent } from "../text/format.ts";
import { type Drawn, Graph, type Shown } from "./graph.tsx";
import { functionOf, useSelected, wordOf } from "./selected.ts";

/** Colours of the legend that are shown. */
const LEGEND_MAX = 14;
/** Typing rests so long before the address holds it. */
const KEEP_MS = 400;

interface Props {
  data: FlameData;
  label: string;
  command: string;
}

/** Draws it. */
export function FlameTab({ data, label, command }: Props) {
  const address = useAddress();
  const selected = useSelected(address);
  const isDiff = data.sides.length > 1;
  const usual = isDiff ? "change" : "module";
  const colours = [
    ...(isDiff ? ["change"] : []),
    "module",
    "thread",
    "hunt",
    ...(data.agents.length > 1 ? ["agent"] : []),
    ...(isDiff ? [] : ["own time"]),
  ];
  const wanted = address.get("colour");
  const chosen = functionOf(selected.word, data.names);
  const isKnown = data.names.includes(chosen);
  const isAround = address.get("around") === "1" && selected.word !== "" && isKnown;
  const [typed, setTyped] = useTyped(address);
  const shown: Shown = {
    colour: colours.includes(wanted) ? wanted : usual,
    side: isDiff && address.get("side") !== "before" ? 1 : 0,
    zoom: address.get("zoom"),
    search: typed.trim(),
    selected: chosen,
    isAround,
  };
  const [drawn, setDrawn] = useState<Drawn>({ matched: "", legend: [], isZoomed: false });
  const onDrawn = useCallback((said: Drawn) => setDrawn(said), []);
  const pick = (change: { zoom: string; selected: string }) =>
    selected.choose(change.selected, isAround ? { zoom: "" } : { zoom: change.zoom });
  return (
    <Panel class="flush" command={command}>
      <div class="toolbar flamebar">
        <Choice
          label="What is drawn"
          value={isAround ? "around" : "stacks"}
          values={[
            ["stacks", "Stacks"],
            ["around", "Callers and callees"],
          ]}
          onChange={(value) =>
            address.set({
              around: value === "around" ? "1" : "",
              zoom: "",
              fn: isKnown && selected.word ? selected.word : wordOf(busiest(data)),
            })
          }
        />
        <span class="quiet">by</span>
        <Choice
          label="Colour by"
          value={shown.colour}
          values={colours.map((one) => [one, one] as const)}
          onChange={(colour) => address.set({ colour: colour === usual ? "" : colour, zoom: "" })}
        />
        {isDiff ? (
          <Choice
            label="Widths of"
            value={shown.side === 0 ? "before" : "after"}
            values={[
              ["before", "widths before"],
              ["after", "widths after"],
            ]}
            onChange={(side) => address.set({ side: side === "before" ? side : "", zoom: "" })}
          />
        ) : null}
        {drawn.isZoomed ? (
          <button type="button" onClick={() => address.set({ zoom: "" })}>
            <Icon name="zoom-out" /> Reset zoom
          </button>
        ) : null}
        <span class="space" />
        <output class="matched" aria-live="polite">
          {drawn.matched ? `matches ${drawn.matched}` : ""}
        </output>
        <input
          type="search"
          class="flamesearch"
          aria-label="Search functions, files and modules"
          placeholder="Function, file or module"
          value={typed}
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </div>
      <Legend drawn={drawn} colour={shown.colour} onChoose={(q) => address.set({ q })} />
      {selected.word && !isKnown ? (
        <p class="warn flamenote">The selected function is not in this picture.</p>
      ) : null}
      {isAround ? (
        <p class="quiet flamenote">
          Above: what calls <Text of={plain(shown.selected)} most={90} />; below: what it calls. Widths are
          shares of its own total.
        </p>
      ) : null}
      <Graph data={data} shown={shown} label={label} onPick={pick} onDrawn={onDrawn} />
      {data.smallest ? <p class="quiet flamenote">{data.smallest}</p> : null}
    </Panel>
  );
}

/** Returns the word of the function that most time is spent in. */
function busiest(data: FlameData): string {
  const sums = new Map<number, number>();
  const size = 4 + data.sides.length;
  for (let cell = 0; cell < data.cells.length; cell += size) {
    const node = data.cells[cell] ?? 0;
    const name = node === 0 ? -1 : (data.nodes[node * 6 + 1] ?? -1);
    sums.set(name, (sums.get(name) ?? 0) + (data.cells[cell + size - 1] ?? 0));
  }
  let best = -1;
  for (const [name, value] of sums) if (name >= 0 && value > (sums.get(best) ?? 0)) best = name;
  return data.names[best] ?? "";
}

/** What is searched for: at once as it is typed; the address follows. */
function useTyped(address: Address): [string, (text: string) => void] {
  const kept = address.get("q");
  const [typed, setTyped] = useState(kept);
  useEffect(() => setTyped(kept), [kept]);
  useEffect(() => {
    if (typed.trim() === kept) return;
    const timer = setTimeout(() => address.set({ q: typed.trim() }, true), KEEP_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, setTyped];
}

function Legend({
  drawn,
  colour,
  onChoose,
}: {
  drawn: Drawn;
  colour: string;
  onChoose: (text: string) => void;
}) {
  if (colour === "change")
    return <p class="legend quiet">Red takes a larger share than before, blue a smaller one.</p>;
  if (colour === "own time") return <p class="legend quiet">Pale: little own time; red: most.</p>;
  const more = drawn.legend.length - LEGEND_MAX;
  return (
    <ul class="legend">
      {drawn.legend.slice(0, LEGEND_MAX).map((each) => (
        <li key={each.text}>
          <button type="button" class="bare" onClick={() => onChoose(each.text)} title="Search for it">
            <i style={{ background: each.fill }} />
            <Text of={each.text} most={40} /> <span class="num">{percent(each.part * 100)}</span>
          </button>
        </li>
      ))}
      {more > 0 ? <li class="quiet">and {more} more</li> : null}
      <li class="quiet">
        <i>italic</i>: inlined
      </li>
    </ul>
  );
}
