//! Source lines with what each cost, in itself and with what it calls; the text comes from `--source DIR` on the operator's machine.

import { useEffect, useMemo, useRef } from "preact/hooks";
import { getFrom, withQuery } from "../api/client.ts";
import { useAsk } from "../api/use.ts";
import { Empty, ErrorBox, Loading } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { useVirtual } from "../parts/virtual.ts";
import { session } from "../session/session.ts";
import { cut, escaped, escapeLaidOut } from "../text/escape.ts";
import { percent } from "../text/format.ts";
import { amount, ShareBar } from "./cells.tsx";
import { useSelected } from "./selected.ts";
import type { Lines, SourceText, Top, TopRow } from "./shapes.ts";
import { commandOf, type Source, useView } from "./source.ts";

/** Height of a source line. */
const LINE = 19;
/** Characters of a source line that are drawn. */
const LINE_MAX = 400;

/** What a line cost. */
interface Cost {
  flat: number;
  cum: number;
}

/** A source file and its costs by line. */
interface SourceFile {
  path: string;
  own: number;
  /** Of the line that has most: totals of lines overlap, and have no sum. */
  total: number;
  lines: Map<number, Cost>;
}

/** Draws the tab. */
export function LinesTab({ source }: { source: Source }) {
  const answer = useView<Lines>(source, "lines");
  // Where the selected function is: its line that costs most.
  const top = useView<Top>(source, "top", { by: "frame" });
  return (
    <Show of={answer}>
      {(lines) => <Files of={lines} functions={top.data?.functions ?? []} source={source} />}
    </Show>
  );
}

/** Whether a file is of a library that was fetched, or of Rust's own: what one has written oneself is shown first. */
function isForeign(path: string): boolean {
  return path.includes("/registry/src/") || path.startsWith("/rustc/");
}

function filesOf(view: Lines, isTotal: boolean): SourceFile[] {
  const files = new Map<string, SourceFile>();
  for (const line of view.lines) {
    if (!line.file) continue;
    const file = files.get(line.file) ?? { path: line.file, own: 0, total: 0, lines: new Map() };
    file.own += Number(line.flat);
    file.total = Math.max(file.total, Number(line.cum));
    file.lines.set(line.line, { flat: Number(line.flat), cum: Number(line.cum) });
    files.set(line.file, file);
  }
  const first = isTotal
    ? (a: SourceFile, b: SourceFile) => b.total - a.total
    : (a: SourceFile, b: SourceFile) => b.own - a.own || b.total - a.total;
  return [...files.values()].sort((a, b) => first(a, b) || (a.path < b.path ? -1 : 1));
}

function Files({ of, functions, source }: { of: Lines; functions: TopRow[]; source: Source }) {
  const address = useAddress();
  const selected = useSelected(address);
  const isTotal = address.get("files") === "-total";
  const files = useMemo(() => filesOf(of, isTotal), [of, isTotal]);
  const share = (value: number) => <ShareBar of={of.total > 0 ? (value * 100) / of.total : 0} />;
  const place = functions.find((row) => selected.is(row.function ?? ""));
  const wanted = address.get("file") || place?.file || "";
  const file =
    files.find((one) => one.path === wanted) ?? files.find((one) => !isForeign(one.path)) ?? files[0];
  const line = place && place.file === file?.path ? (place.line ?? 0) : 0;
  const columns: Column<SourceFile>[] = [
    { id: "own", title: "Own", width: "82px", sort: "own", cell: (one) => share(one.own) },
    {
      id: "total",
      title: "Total",
      width: "82px",
      sort: "total",
      about: "Of the line that costs most with what it calls",
      cell: (one) => share(one.total),
    },
    { id: "file", title: "File", width: "minmax(120px, 1fr)", cell: (one) => <Ending of={one.path} /> },
  ];
  if (!file) {
    return (
      <Empty title="No source lines are known">
        <p>
          Names and lines come from debug information: <code>muster symbols add FILE</code> for a program of
          another build.
        </p>
      </Empty>
    );
  }
  return (
    <div class="linesview">
      <Panel class="flush files" title={isTotal ? "Files by their costliest line" : "Files by own cost"}>
        <Table
          label="Source files"
          columns={columns}
          rows={files}
          total={files.length}
          sort={isTotal ? "-total" : "-own"}
          onSort={(sort) => address.set({ files: sort === "-total" ? sort : "" })}
          id={(one) => one.path}
          tone={(one) => (one === file ? "chosen" : "")}
          onOpen={(one) => address.set({ file: one.path, fn: "" })}
        />
      </Panel>
      <FileText
        key={file.path}
        file={file}
        line={line}
        unit={of.unit}
        total={Number(of.total)}
        command={commandOf(source, "lines", { source: "DIR" })}
      />
    </div>
  );
}

/** A path whose end is seen first. */
function Ending({ of }: { of: string }) {
  return (
    <span title={cut(escaped(of.slice(-1000)), 2000)}>
      <Text of={of.split("/").slice(-3).join("/")} most={80} />
    </span>
  );
}

/** The lines of one file: with its text where that is found, else those that cost something. */
function FileText({
  file,
  line,
  unit,
  total,
  command,
}: {
  file: SourceFile;
  line: number;
  unit: string;
  total: number;
  command: string;
}) {
  const hasSource = session.value?.has_source ?? false;
  const url = hasSource ? withQuery("/console/source", { file: file.path }) : undefined;
  const answer = useAsk<SourceText>(url, (signal) => getFrom(url ?? "", signal));
  const text = answer.data;
  const numbers = useMemo(() => {
    if (text) return text.lines.map((_, at) => text.first + at);
    return [...file.lines.keys()].sort((a, b) => a - b);
  }, [text, file]);
  const title = (
    <>
      <Text of={file.path} most={110} />{" "}
      <span class="quiet num">
        own {amount(file.own, unit)}, {percent(total > 0 ? (file.own * 100) / total : 0)}
      </span>
    </>
  );
  return (
    <Panel class="flush grow" title={title} command={command}>
      {answer.failure?.status === 404 ? (
        <p class="quiet inset">
          No text beside the lines: <Text of={answer.failure.why} most={200} />
        </p>
      ) : answer.failure ? (
        <ErrorBox of={answer.failure} />
      ) : null}
      {hasSource && answer.isLoading ? <Loading /> : null}
      {hasSource ? null : (
        <div class="empty">
          <p>
            Only the lines that cost something are known. With the folder that the program was built from, the
            text stands beside them:
          </p>
          <Command text="muster console --source DIR" />
        </div>
      )}
      <Listing numbers={numbers} file={file} text={text} line={line} unit={unit} total={total} />
    </Panel>
  );
}

function Listing({
  numbers,
  file,
  text,
  line,
  unit,
  total,
}: {
  numbers: number[];
  file: SourceFile;
  text: SourceText | undefined;
  line: number;
  unit: string;
  total: number;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const window = useVirtual(scroller, numbers.length, LINE);
  const costly = useMemo(
    () => [...file.lines].sort(([, a], [, b]) => b.flat - a.flat || b.cum - a.cum).map(([number]) => number),
    [file],
  );
  const target = line || costly[0] || 0;
  const most = Math.max(1, ...[...file.lines.values()].map((cost) => cost.flat));
  useEffect(() => {
    const at = numbers.indexOf(target);
    if (scroller.current && at >= 0) scroller.current.scrollTop = Math.max(0, (at - 8) * LINE);
  }, [numbers, target]);
  const step = (by: number) => {
    const element = scroller.current;
    if (!element) return;
    const middle = numbers[Math.round(element.scrollTop / LINE) + 8] ?? 0;
    const known = [...file.lines.keys()].sort((a, b) => a - b);
    const next = by > 0 ? known.find((one) => one > middle) : known.findLast((one) => one < middle);
    if (next !== undefined) element.scrollTop = Math.max(0, (numbers.indexOf(next) - 8) * LINE);
  };
  return (
    <div class="listing">
      <div class="listhead" aria-hidden="true">
        <span>own</span>
        <span>total</span>
        <span>line</span>
        <span />
        <span class="steps">
          <button type="button" class="bare" tabIndex={-1} onClick={() => step(-1)}>
            previous cost
          </button>
          <button type="button" class="bare" tabIndex={-1} onClick={() => step(1)}>
            next cost
          </button>
        </span>
      </div>
      <section
        class="listscroll"
        ref={scroller}
        tabIndex={0}
        aria-label="Source lines: n and p go to the next and the previous line that cost something"
        onKeyDown={(event) => {
          if (event.key === "n" || event.key === "p") {
            event.preventDefault();
            event.stopPropagation();
            step(event.key === "n" ? 1 : -1);
          }
        }}
      >
        <div style={{ height: `${window.height}px`, position: "relative" }}>
          {window.items.map(({ index, start }) => {
            const number = numbers[index] ?? 0;
            const cost = file.lines.get(number);
            const heat = cost ? Math.sqrt(Math.max(0, cost.flat) / most) : 0;
            return (
              <div
                key={number}
                class={`line${number === line ? " chosen" : ""}${cost ? " costs" : ""}`}
                data-line={number}
                style={{ transform: `translateY(${start}px)`, "--heat": `${Math.round(heat * 70)}%` }}
              >
                <span
                  class="num own"
                  title={cost ? percent(total > 0 ? (cost.flat * 100) / total : 0) : undefined}
                >
                  {cost?.flat ? amount(cost.flat, unit) : ""}
                </span>
                <span
                  class="num total"
                  title={cost ? percent(total > 0 ? (cost.cum * 100) / total : 0) : undefined}
                >
                  {cost?.cum ? amount(cost.cum, unit) : ""}
                </span>
                <span class="num number">{number}</span>
                <code>
                  {cut(
                    escapeLaidOut((text?.lines[number - text.first] ?? "").slice(0, LINE_MAX * 2)).replaceAll(
                      "\t",
                      "    ",
                    ),
                    LINE_MAX,
                  )}
                </code>
              </div>
            );
          })}
        </div>
      </section>
    </div>
  );
}
