//! Columns and tables of hunts, used by several pages.

import type { HuntBrief } from "../api/types.ts";
import { bytes, count, duration } from "../text/format.ts";
import { standing } from "../text/standing.ts";
import { zone } from "../text/time.ts";
import { Bar, State } from "./states.tsx";
import type { Column } from "./table.tsx";
import { Id, Num, Text, When } from "./text.tsx";

/** Where a hunt's page is. */
export function huntPath(id: string): string {
  return `/hunts/${encodeURIComponent(id)}`;
}

/** Says in few words what a hunt looks for. */
export function subject(hunt: HuntBrief): string {
  const more = Number(hunt.roots) > 1 ? ` +${Number(hunt.roots) - 1}` : "";
  return hunt.root ? `${hunt.root}${more}` : hunt.artifact;
}

/** Columns of a list of hunts. */
export function huntColumns(isWide = true): Column<HuntBrief>[] {
  const columns: Column<HuntBrief>[] = [
    {
      id: "id",
      title: "Hunt",
      width: "108px",
      cell: (hunt) => (
        <>
          <State {...standing(hunt)} isBare /> <Id of={hunt.id} href={huntPath(hunt.id)} />
        </>
      ),
    },
    {
      id: "subject",
      title: "Where",
      width: "minmax(110px, 1.2fr)",
      cell: (hunt) => <Text of={subject(hunt)} most={80} />,
    },
    {
      id: "target",
      title: "Target",
      width: "minmax(110px, 1.6fr)",
      cell: (hunt) => <Text of={hunt.target} most={120} />,
    },
    { id: "operator", title: "By", width: "80px", cell: (hunt) => <Text of={hunt.operator} most={30} /> },
    {
      id: "issued",
      sort: "issued",
      title: `Signed (${zone()})`,
      width: "134px",
      cell: (hunt) => <When of={hunt.issued} />,
    },
    {
      id: "states",
      title: "States",
      width: "minmax(90px, 1.2fr)",
      cell: (hunt) => <Bar states={hunt.states} targeted={hunt.targeted} />,
    },
    {
      id: "finished",
      sort: "targeted",
      title: "Finished",
      width: "120px",
      align: "right",
      cell: (hunt) => (
        <span class="num">
          {count(hunt.states.finished)} <span class="quiet">/ {count(hunt.targeted)}</span>
        </span>
      ),
    },
    {
      id: "rows",
      sort: "rows",
      title: "Rows",
      width: "92px",
      align: "right",
      cell: (hunt) => <Num of={hunt.rows} />,
    },
    {
      id: "matched",
      sort: "matched",
      title: "Matched",
      width: "72px",
      align: "right",
      about: "Files that are in the hunt's list of hashes",
      cell: (hunt) =>
        Number(hunt.ioc) === 0 ? (
          <span class="none" title="This hunt has no list of hashes">
            ·
          </span>
        ) : (
          <Num of={hunt.matched} />
        ),
    },
  ];
  if (!isWide) return columns.filter((column) => !["operator", "matched"].includes(column.id));
  return [
    ...columns,
    {
      id: "errors",
      sort: "errors",
      title: "Errors",
      width: "80px",
      align: "right",
      spare: 1,
      cell: (hunt) => <Num of={hunt.errors} />,
    },
    {
      id: "bytes",
      sort: "bytes",
      title: "Read",
      width: "76px",
      align: "right",
      spare: 2,
      cell: (hunt) => <Num of={hunt.bytes} as={bytes} />,
    },
    {
      id: "cpu",
      sort: "cpu_ms",
      title: "CPU",
      width: "92px",
      align: "right",
      spare: 3,
      cell: (hunt) => <Num of={hunt.cpu_ms} as={duration} />,
    },
  ];
}
