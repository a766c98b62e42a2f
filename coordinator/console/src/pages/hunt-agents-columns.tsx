//! The columns of the agents of a hunt.

import type { CollectionBrief } from "../api/types.ts";
import { State } from "../parts/states.tsx";
import type { Column } from "../parts/table.tsx";
import { Num, Text } from "../parts/text.tsx";
import { bytes, duration, short } from "../text/format.ts";
import { agentPath } from "./overview-lists.tsx";

/** The columns; sorts are the server's. */
export const PART_COLUMNS: Column<CollectionBrief>[] = [
  { id: "state", title: "State", sort: "state", width: "112px", cell: (part) => <State of={part.state} /> },
  {
    id: "host",
    title: "Host",
    sort: "host",
    width: "minmax(130px, 1.2fr)",
    cell: (part) => (
      <a href={agentPath(part.agent)}>
        <Text of={part.host || part.agent} most={80} />
      </a>
    ),
  },
  {
    id: "agent",
    title: "Agent",
    sort: "agent",
    width: "minmax(110px, 1fr)",
    spare: 8,
    cell: (part) => (
      <span class="id">
        <Text of={part.agent} most={60} />
      </span>
    ),
  },
  {
    id: "why",
    title: "Where it is, or why it ended",
    width: "minmax(150px, 2fr)",
    cell: (part) =>
      part.reason ? <Text of={part.reason} most={200} /> : <Text of={part.path || part.code} most={200} />,
  },
  {
    id: "rows",
    title: "Rows",
    width: "84px",
    align: "right",
    sort: "rows",
    cell: (part) => <Num of={part.rows} />,
  },
  {
    id: "matched",
    spare: 0,
    title: "Matched",
    width: "82px",
    align: "right",
    sort: "matched",
    cell: (part) => <Num of={part.matched} />,
  },
  {
    id: "errors",
    spare: 0,
    title: "Errors",
    width: "76px",
    align: "right",
    sort: "errors",
    cell: (part) => <Num of={part.errors} />,
  },
  {
    id: "seen",
    title: "Entries",
    width: "86px",
    align: "right",
    sort: "seen",
    spare: 4,
    cell: (part) => <Num of={part.seen} />,
  },
  {
    id: "cpu",
    title: "CPU",
    width: "84px",
    align: "right",
    sort: "cpu_ms",
    spare: 1,
    cell: (part) => <Num of={part.cpu_ms} as={duration} />,
  },
  {
    id: "read",
    title: "Read",
    width: "84px",
    align: "right",
    sort: "bytes_read",
    spare: 2,
    cell: (part) => <Num of={part.bytes_read} as={bytes} />,
  },
  {
    id: "throttled",
    title: "Throttled",
    width: "92px",
    align: "right",
    sort: "throttled_ms",
    spare: 5,
    about: "Time that it waited for limits or for its outbox",
    cell: (part) => <Num of={part.throttled_ms} as={duration} />,
  },
  {
    id: "age",
    title: "Took",
    width: "90px",
    align: "right",
    sort: "age_ms",
    spare: 3,
    cell: (part) => <Num of={part.age_ms} as={duration} />,
  },
  {
    id: "silent",
    title: "Silent",
    width: "76px",
    align: "right",
    sort: "silent_s",
    spare: 6,
    about: "For how long the agent was not heard of",
    cell: (part) =>
      part.silent_s === null || part.silent_s === undefined ? null : (
        <Num of={part.silent_s} as={(s) => short(Number(s) * 1000)} />
      ),
  },
  {
    id: "attempts",
    title: "Attempts",
    width: "82px",
    align: "right",
    sort: "attempts",
    spare: 7,
    cell: (part) => <Num of={part.attempts} />,
  },
];
