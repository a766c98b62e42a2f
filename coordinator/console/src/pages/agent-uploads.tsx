//! What an agent sent: files that matched, and profiles.

import { useList } from "../api/list.ts";
import type { AgentUpload } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command, CopyButton } from "../parts/copy.tsx";
import { DownloadButton, FileButtons, FileNotice } from "../parts/download.tsx";
import { huntPath } from "../parts/hunts.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Num, Text, When } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { bytes } from "../text/format.ts";
import { zone } from "../text/time.ts";

function uploadPath(upload: AgentUpload): string {
  const request = encodeURIComponent(upload.request);
  return upload.kind === "file" ? `/hunts/${request}/files/${upload.sha256}` : `/profiles/${request}`;
}

function uploadColumns(agent: string): Column<AgentUpload>[] {
  return [
    { id: "kind", title: "Kind", width: "80px", cell: (upload) => <Text of={upload.kind} most={20} /> },
    {
      id: "name",
      title: "Name",
      width: "minmax(160px, 1fr)",
      cell: (upload) => (
        <span class="mono">
          <Text of={upload.name} most={200} />
        </span>
      ),
    },
    {
      id: "bytes",
      title: "Size",
      width: "80px",
      align: "right",
      cell: (upload) => <Num of={upload.bytes} as={bytes} />,
    },
    {
      id: "sha256",
      title: "SHA-256",
      width: "150px",
      cell: (upload) => (
        <span class="id">
          <a href={`/who-has?hash=${encodeURIComponent(upload.sha256)}`} title={upload.sha256}>
            {upload.sha256.slice(0, 12)}…
          </a>
          <CopyButton text={upload.sha256} label="Copy the SHA-256" />
        </span>
      ),
    },
    {
      id: "request",
      title: "Of",
      width: "92px",
      cell: (upload) => (
        <Id
          of={upload.request}
          href={
            upload.kind === "file"
              ? huntPath(upload.request)
              : `/profiles/${encodeURIComponent(upload.request)}/${encodeURIComponent(agent)}`
          }
        />
      ),
    },
    {
      id: "received",
      title: `Received (${zone()})`,
      width: "140px",
      cell: (upload) => <When of={upload.received} />,
    },
    {
      id: "get",
      title: "",
      width: "120px",
      align: "right",
      cell: (upload) => {
        const path = uploadPath(upload);
        if (upload.kind === "file") return <FileButtons path={path} sha256={upload.sha256} />;
        const raw = `${path}/${encodeURIComponent(agent)}/raw?kind=${encodeURIComponent(upload.kind)}`;
        return <DownloadButton path={raw} name={`${upload.sha256.slice(0, 16)}.bin`} />;
      },
    },
  ];
}

/** What an agent sent. */
export function Uploads({ id }: { id: string }) {
  const list = useList<AgentUpload>(`/agents/${encodeURIComponent(id)}/uploads`);
  if (list.failure && list.items.length === 0) return <ErrorBox of={list.failure} retry={list.reload} />;
  return (
    <>
      <FileNotice />
      <Table
        label="Uploads"
        columns={uploadColumns(id)}
        rows={list.items}
        id={(upload) => `${upload.request} ${upload.kind} ${upload.sha256}`}
        total={list.total}
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? null : (
            <Empty title="It has sent no file and no profile">
              <p>A hunt with a list of hashes and “upload of matches” sends the files that match.</p>
            </Empty>
          )
        }
      />
      <Command text={command(["agents", "uploads", id])} />
    </>
  );
}
