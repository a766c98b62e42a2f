//! Tabs of a hunt: files that were sent, and profiles that were taken for it.

import { useLocation } from "preact-iso/router";
import { useList } from "../api/list.ts";
import type { HuntFile, ProfileBrief } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command, CopyButton } from "../parts/copy.tsx";
import { FileButtons, FileNotice } from "../parts/download.tsx";
import { Icon } from "../parts/icon.tsx";
import { Bar } from "../parts/states.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Num, Text, When } from "../parts/text.tsx";
import { command } from "../text/command.ts";
import { bytes } from "../text/format.ts";
import { zone } from "../text/time.ts";
import { agentPath } from "./overview-lists.tsx";

function fileColumns(hunt: string): Column<HuntFile>[] {
  return [
    {
      id: "path",
      title: "Path",
      width: "minmax(200px, 2fr)",
      cell: (file) => (
        <span class="mono">
          <Text of={file.paths.join("  ")} most={300} />
        </span>
      ),
    },
    {
      id: "host",
      title: "Host",
      width: "minmax(120px, 1fr)",
      cell: (file) => (
        <a href={agentPath(file.agent)}>
          <Text of={file.host || file.agent} most={60} />
        </a>
      ),
    },
    {
      id: "size",
      title: "Size",
      width: "80px",
      align: "right",
      cell: (file) => <Num of={file.size} as={bytes} />,
    },
    {
      id: "sha256",
      title: "SHA-256",
      width: "150px",
      cell: (file) => (
        <span class="id">
          <a href={`/who-has?hash=${encodeURIComponent(file.sha256)}`} title={file.sha256}>
            {file.sha256.slice(0, 12)}…
          </a>
          <CopyButton text={file.sha256} label="Copy the SHA-256" />
        </span>
      ),
    },
    {
      id: "get",
      title: "",
      width: "120px",
      align: "right",
      cell: (file) => (
        <FileButtons
          path={`/hunts/${encodeURIComponent(hunt)}/files/${encodeURIComponent(file.sha256)}`}
          sha256={file.sha256}
        />
      ),
    },
  ];
}

/** Files that matched and whose content was sent. */
export function HuntFiles({ id }: { id: string }) {
  const list = useList<HuntFile>(`/hunts/${encodeURIComponent(id)}/files`);
  if (list.failure && list.items.length === 0) return <ErrorBox of={list.failure} retry={list.reload} />;
  return (
    <>
      <FileNotice />
      <Table
        label="Files"
        columns={fileColumns(id)}
        rows={list.items}
        id={(file) => `${file.agent} ${file.sha256}`}
        total={list.total}
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? null : (
            <Empty title="No file was sent">
              <p>Files are sent where the hunt has a list of hashes and “upload of matches”.</p>
            </Empty>
          )
        }
      />
      <Command text={command(["hunt", "files", id])} />
    </>
  );
}

function profilePath(profile: ProfileBrief): string {
  const id = `/profiles/${encodeURIComponent(profile.id)}`;
  return profile.agent ? `${id}/${encodeURIComponent(profile.agent)}` : id;
}

const PROFILES: Column<ProfileBrief>[] = [
  {
    id: "id",
    title: "Profile",
    width: "100px",
    cell: (profile) => <Id of={profile.id} href={profilePath(profile)} />,
  },
  {
    id: "kinds",
    title: "Kinds",
    width: "minmax(90px, 1fr)",
    cell: (profile) => <Text of={profile.kinds.join(", ")} most={60} />,
  },
  {
    id: "agent",
    title: "Agents",
    width: "minmax(130px, 1.5fr)",
    cell: (profile) => <Text of={profile.agent ?? profile.target} most={80} />,
  },
  {
    id: "why",
    title: "Why",
    width: "110px",
    cell: (profile) => (profile.on_stall ? "it stood still" : "asked for"),
  },
  { id: "operator", title: "By", width: "80px", cell: (profile) => <Text of={profile.operator} most={30} /> },
  {
    id: "issued",
    title: `Signed (${zone()})`,
    width: "140px",
    cell: (profile) => <When of={profile.issued} />,
  },
  {
    id: "states",
    title: "States",
    width: "90px",
    cell: (profile) => <Bar states={profile.states} targeted={profile.targeted} />,
  },
];

/** Profiles that were taken for this hunt. */
export function HuntProfiles({ id }: { id: string }) {
  const { route } = useLocation();
  const list = useList<ProfileBrief>(
    "/profiles",
    { hunt: id },
    { topic: "profiles" },
    (profile) => profile.id,
  );
  const name = encodeURIComponent(id);
  return (
    <>
      <div class="toolbar">
        <a class="button" href={`/profiles/merge?hunt=${name}`}>
          <Icon name="flame" /> All of it in one flame graph
        </a>
        <a class="button" href={`/profiles/new?hunt=${name}`}>
          <Icon name="plus" /> Profile it now
        </a>
      </div>
      {list.failure ? <ErrorBox of={list.failure} retry={list.reload} /> : null}
      <Table
        label="Profiles of the hunt"
        columns={PROFILES}
        rows={list.items}
        id={(profile) => profile.id}
        total={list.total}
        onOpen={(profile) => route(profilePath(profile))}
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? null : (
            <Empty title="No profile was taken for this hunt">
              <p>
                A profile while it runs shows down to function and line where its time goes, on each agent and
                over all of them.
              </p>
            </Empty>
          )
        }
      />
      <Command text={command(["profile", "list"], { hunt: id })} />
    </>
  );
}
