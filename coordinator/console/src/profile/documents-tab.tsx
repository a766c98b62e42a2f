//! What a process told of itself: threads and tasks, figures, the last lines of its log.

import { Empty } from "../parts/boxes.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Choice } from "../parts/tabs.tsx";
import { Moment, Num, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { cut, escapeLaidOut } from "../text/escape.ts";
import { bytes, count, duration, NONE, percent, rate } from "../text/format.ts";
import type { InFlight, Logs, Metrics, Task, Tasks, Thread } from "./shapes.ts";
import { type Source, useView } from "./source.ts";

/** Functions of a kernel stack that a table shows. */
const KERNEL_SHOWN = 4;
/** Lines of a log that are drawn. */
const LOG_LINES_MAX = 1000;
/** Characters of a line that are drawn. */
const LOG_LINE_MAX = 2000;

/** Draws one document. */
export function DocumentTab({ source, kind, profile }: { source: Source; kind: string; profile: string }) {
  const words = command(["profile", "show", profile], { kind, agent: source.flags.agent });
  if (kind === "tasks") return <TasksView source={source} words={words} />;
  if (kind === "metrics") return <MetricsView source={source} words={words} />;
  return <LogsView source={source} words={words} />;
}

const THREADS: Column<Thread>[] = [
  { id: "tid", title: "tid", width: "80px", align: "right", cell: (one) => one.tid },
  { id: "name", title: "Thread", width: "180px", cell: (one) => <Text of={one.name} most={30} /> },
  {
    id: "state",
    title: "State",
    width: "70px",
    about: "R running, S waiting, D waiting and cannot be interrupted",
    cell: (one) => <Text of={one.state} most={4} />,
  },
  { id: "syscall", title: "System call", width: "140px", cell: (one) => <Text of={one.syscall} most={30} /> },
  {
    id: "kernel",
    title: "In the kernel, innermost first",
    width: "minmax(160px, 1fr)",
    cell: (one) => <Text of={kernel(one)} most={140} />,
  },
  {
    id: "cpu",
    title: "CPU",
    width: "110px",
    align: "right",
    cell: (one) => <Num of={one.cpu_ms} as={duration} />,
  },
];

function kernel(one: Thread): string {
  return one.stack.length > 0 ? one.stack.slice(0, KERNEL_SHOWN).join(" < ") : one.wchan;
}

const TASKS: Column<Task>[] = [
  { id: "name", title: "Task", width: "minmax(200px, 1fr)", cell: (one) => <Text of={one.name} most={80} /> },
  { id: "age", title: "Age", width: "110px", align: "right", cell: (one) => duration(one.age_ms) },
  { id: "polls", title: "Polls", width: "110px", align: "right", cell: (one) => <Num of={one.polls} /> },
  {
    id: "busy",
    title: "Busy",
    width: "110px",
    align: "right",
    cell: (one) => <Num of={one.busy_ms} as={duration} />,
  },
  {
    id: "idle",
    title: "Idle",
    width: "110px",
    align: "right",
    about: "Since the last poll",
    cell: (one) => (one.idle_ms === null ? "polled now" : duration(one.idle_ms)),
  },
];

const IN_FLIGHT: Column<InFlight>[] = [
  {
    id: "request",
    title: "Request",
    width: "110px",
    cell: (one) => (
      <a href={`/hunts/${encodeURIComponent(one.request)}`}>
        <Text of={one.request} most={10} />
      </a>
    ),
  },
  { id: "state", title: "State", width: "80px", cell: (one) => <Text of={one.state} most={12} /> },
  { id: "age", title: "Age", width: "100px", align: "right", cell: (one) => duration(one.age_ms) },
  { id: "seen", title: "Seen", width: "90px", align: "right", cell: (one) => <Num of={one.seen} /> },
  { id: "hashed", title: "Hashed", width: "90px", align: "right", cell: (one) => <Num of={one.hashed} /> },
  {
    id: "read",
    title: "Read",
    width: "90px",
    align: "right",
    cell: (one) => <Num of={one.bytes} as={bytes} />,
  },
  {
    id: "cpu",
    title: "CPU",
    width: "90px",
    align: "right",
    cell: (one) => <Num of={one.cpu_ms} as={duration} />,
  },
  {
    id: "waited",
    title: "Waited",
    width: "90px",
    align: "right",
    cell: (one) => <Num of={one.throttled_ms} as={duration} />,
  },
  {
    id: "path",
    title: "Path",
    width: "minmax(160px, 1fr)",
    cell: (one) => <Text of={one.path} most={120} />,
  },
];

function TasksView({ source, words }: { source: Source; words: string }) {
  const address = useAddress();
  const answer = useView<Tasks>(source, "raw");
  return (
    <Show of={answer}>
      {({ moments }) => {
        const isBegin = address.get("moment") === "begin" && moments.length > 1;
        const shown = isBegin ? moments[0] : moments.at(-1);
        if (!shown) return <Empty title="The document is empty" />;
        return (
          <>
            <div class="toolbar">
              <Choice
                label="Moment"
                value={isBegin ? "begin" : "end"}
                values={[
                  ["begin", "at the beginning"],
                  ["end", "at the end"],
                ]}
                onChange={(value) => address.set({ moment: value === "begin" ? value : "" })}
              />
              <Moment of={new Date(Number(shown.at)).toISOString()} />
            </div>
            <Panel
              class="flush"
              title={`Threads (${count(shown.threads.length + shown.threads_left_out)})`}
              command={words}
            >
              <Table
                label="Threads"
                columns={THREADS}
                rows={shown.threads}
                total={shown.threads.length}
                id={(one) => String(one.tid)}
              />
              {shown.threads_left_out > 0 ? (
                <p class="quiet inset">and {count(shown.threads_left_out)} more threads</p>
              ) : null}
            </Panel>
            <Panel class="flush" title="Async tasks">
              <Table
                label="Async tasks"
                columns={TASKS}
                rows={shown.tasks}
                total={shown.tasks.length}
                id={(one) => `${one.name} ${shown.tasks.indexOf(one)}`}
                empty={<Empty title="No tasks" />}
              />
            </Panel>
            <Panel class="flush" title="Collections in flight">
              <Table
                label="Collections"
                columns={IN_FLIGHT}
                rows={shown.collections}
                total={shown.collections.length}
                id={(one) => one.request}
                empty={<Empty title="No collection in flight" />}
              />
            </Panel>
          </>
        );
      }}
    </Show>
  );
}

/** Figures in order, with how they are written. */
const FIGURES: [string, string, (value: number) => string][] = [
  ["cpu_percent", "CPU, of one core", percent],
  ["rss_bytes", "memory", bytes],
  ["threads", "threads", count],
  ["fds", "open files", count],
  ["read_bytes", "read since its start", bytes],
  ["read_bytes_per_s", "read", rate],
  ["written_bytes", "written since its start", bytes],
  ["written_bytes_per_s", "written", rate],
  ["outbox_messages", "messages in the outbox", count],
  ["outbox_bytes", "size of the outbox", bytes],
  ["stream_offset", "stream offset", count],
  ["collections", "collections", count],
];

function MetricsView({ source, words }: { source: Source; words: string }) {
  const answer = useView<Metrics>(source, "raw");
  return (
    <Panel title="What the process costs" command={words}>
      <Show of={answer}>
        {({ moments }) => (
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">figure</th>
                {moments.map((one, at) => (
                  <th scope="col" class="right" key={one.at}>
                    {at === 0 ? "at the beginning" : "at the end"}
                    <br />
                    <Moment of={new Date(Number(one.at)).toISOString()} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {FIGURES.map(([field, title, write]) => (
                <tr key={field}>
                  <th scope="row">{title}</th>
                  {moments.map((one) => (
                    <td class="right num" key={one.at}>
                      {one[field] === undefined || one[field] === null ? NONE : write(Number(one[field]))}
                    </td>
                  ))}
                </tr>
              ))}
              <tr>
                <th scope="row">journal full</th>
                {moments.map((one) => (
                  <td class="right" key={one.at}>
                    {one.journal_full ? <span class="bad">yes</span> : "no"}
                  </td>
                ))}
              </tr>
            </tbody>
          </table>
        )}
      </Show>
    </Panel>
  );
}

function LogsView({ source, words }: { source: Source; words: string }) {
  const answer = useView<Logs>(source, "raw");
  return (
    <Panel title="The last lines of the log" command={words}>
      <Show of={answer}>
        {(logs) => (
          <>
            {logs.forgotten > 0 ? (
              <p class="quiet">{count(logs.forgotten)} earlier lines are not kept.</p>
            ) : null}
            {logs.lines.length > LOG_LINES_MAX ? (
              <p class="quiet">
                The last {count(LOG_LINES_MAX)} of {count(logs.lines.length)} lines; the download has all.
              </p>
            ) : null}
            <pre class="log" tabIndex={0}>
              {logs.lines
                .slice(-LOG_LINES_MAX)
                .map((line) => cut(escapeLaidOut(line.slice(0, LOG_LINE_MAX * 2)), LOG_LINE_MAX))
                .join("\n")}
            </pre>
          </>
        )}
      </Show>
    </Panel>
  );
}
