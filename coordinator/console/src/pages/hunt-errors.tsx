//! What a hunt could not read, by cause and by folder.

import type { HuntErrors as Document, ErrorCause, ErrorFolder, HuntView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { Empty } from "../parts/boxes.tsx";
import { Panel, Show } from "../parts/panel.tsx";
import { Share } from "../parts/spark.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Num, Text } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count } from "../text/format.ts";

/** The tab. */
export function HuntErrors({ of }: { of: HuntView }) {
  const again = of.done ? { mark: of.done } : { mark: of.done, everyMs: 15_000 };
  const answer = useGet<Document>(`/hunts/${encodeURIComponent(of.id)}/errors`, {}, again);
  return <Show of={answer}>{(errors) => <Body of={errors} />}</Show>;
}

function Body({ of }: { of: Document }) {
  const address = useAddress();
  if (of.causes.length === 0) {
    return (
      <Empty title="Everything could be read">
        <p>{count(of.looked_at)} rows were looked at.</p>
      </Empty>
    );
  }
  const rowsOf = (cause: ErrorCause) =>
    address.with({
      tab: "rows",
      status: cause.status,
      errno: cause.errno === null || cause.errno === undefined ? "" : String(cause.errno),
    });
  const most = Math.max(...of.causes.map((cause) => Number(cause.count)));
  const causes: Column<ErrorCause>[] = [
    {
      id: "cause",
      title: "Cause",
      width: "150px",
      cell: (cause) => (
        <a href={rowsOf(cause)}>
          <Text of={cause.name || cause.status} most={30} />
        </a>
      ),
    },
    { id: "status", title: "Status", width: "100px", cell: (cause) => <Text of={cause.status} most={30} /> },
    {
      id: "errno",
      title: "errno",
      width: "60px",
      align: "right",
      cell: (cause) => <span class="num">{cause.errno ?? ""}</span>,
    },
    {
      id: "meaning",
      title: "Meaning",
      width: "minmax(120px, 1fr)",
      cell: (cause) => <Text of={cause.meaning} most={120} />,
    },
    {
      id: "count",
      title: "Entries",
      width: "130px",
      align: "right",
      cell: (cause) => (
        <Share of={Number(cause.count)} most={most}>
          {count(cause.count)}
        </Share>
      ),
    },
    {
      id: "agents",
      title: "Agents",
      width: "80px",
      align: "right",
      cell: (cause) => <Num of={cause.agents} />,
    },
    {
      id: "examples",
      title: "For example",
      width: "minmax(160px, 1.5fr)",
      cell: (cause) => (
        <span class="mono">
          <Text of={cause.examples.map((one) => one.path).join("  ")} most={200} />
        </span>
      ),
    },
  ];
  const folders: Column<ErrorFolder>[] = [
    {
      id: "path",
      title: "Folder",
      width: "minmax(200px, 1fr)",
      cell: (folder) => (
        <a class="mono" href={address.with({ tab: "rows", path: `${folder.path}/**` })}>
          <Text of={folder.path} most={200} />
        </a>
      ),
    },
    {
      id: "count",
      title: "Entries",
      width: "110px",
      align: "right",
      cell: (folder) => <Num of={folder.count} />,
    },
    {
      id: "agents",
      title: "Agents",
      width: "90px",
      align: "right",
      cell: (folder) => <Num of={folder.agents} />,
    },
  ];
  return (
    <>
      {of.complete ? null : (
        <p class="warn">{count(of.looked_at)} rows were looked at so far: there are more.</p>
      )}
      <Panel class="flush" title="By cause" asOf={of.as_of} command={command(["hunt", "errors", of.hunt])}>
        <Table
          label="Causes"
          columns={causes}
          rows={of.causes}
          id={(cause) => `${cause.status} ${cause.errno ?? ""}`}
          total={of.causes.length}
        />
      </Panel>
      <Panel class="flush" title="Folders that hold most of them" asOf={of.as_of}>
        <Table
          label="Folders"
          columns={folders}
          rows={of.folders}
          id={(folder) => folder.path}
          total={of.folders.length}
        />
      </Panel>
    </>
  );
}
