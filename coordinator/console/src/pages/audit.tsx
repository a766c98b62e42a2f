//! What operators did: who, when, what, to which thing.

import { type List, useList } from "../api/list.ts";
import type { AuditView } from "../api/types.ts";
import { Empty, ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { huntPath } from "../parts/hunts.tsx";
import { Page } from "../parts/page.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Id, Text, When } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { command } from "../text/command.ts";
import { count } from "../text/format.ts";
import { zone } from "../text/time.ts";
import { agentPath } from "./overview-lists.tsx";

const FILTERS = ["q", "token", "operator", "action", "subject", "since", "until"] as const;

/** Returns where the subject of a line leads. */
function placeOf(line: AuditView): string | undefined {
  if (!line.subject) return undefined;
  if (/^[0-9a-f-]{24,}$/.test(line.subject)) {
    return line.detail.startsWith("profile")
      ? `/profiles/${encodeURIComponent(line.subject)}`
      : huntPath(line.subject);
  }
  return ["enrol", "revoke", "quarantine", "release"].includes(line.action)
    ? agentPath(line.subject)
    : undefined;
}

function columns(): Column<AuditView>[] {
  return [
    { id: "at", title: `When (${zone()})`, width: "140px", cell: (line) => <When of={line.at} /> },
    {
      id: "token",
      title: "Token",
      width: "minmax(80px, 1fr)",
      cell: (line) => <Text of={line.token} most={60} />,
    },
    {
      id: "operator",
      title: "Signed by",
      width: "minmax(80px, 1fr)",
      cell: (line) => (line.operator ? <Text of={line.operator} most={60} /> : null),
    },
    { id: "action", title: "Action", width: "110px", cell: (line) => <Text of={line.action} most={40} /> },
    {
      id: "subject",
      title: "Of",
      width: "minmax(110px, 1fr)",
      cell: (line) => {
        const place = placeOf(line);
        return line.subject ? <Id of={line.subject} {...(place ? { href: place } : {})} /> : null;
      },
    },
    {
      id: "detail",
      title: "More",
      width: "minmax(160px, 3fr)",
      cell: (line) => <Text of={line.detail} most={300} />,
    },
  ];
}

type Filter = Partial<Record<(typeof FILTERS)[number], string>>;

/** The command that lists the same. */
function commandOf({ q, token, ...others }: Filter): string {
  return command(["audit"], { ...others, "token-name": token, search: q });
}

/** The lines that a filter leaves. */
function useAudit(query: Filter): List<AuditView> {
  return useList<AuditView>("/audit", query, { everyMs: 15_000 }, (line) => String(line.id));
}

/** The lines about one thing. */
export function AuditList({ of }: { of: Filter }) {
  return <Lines list={useAudit(of)} query={of} />;
}

function Lines({ list, query, fills }: { list: List<AuditView>; query: Filter; fills?: boolean }) {
  if (list.failure && list.items.length === 0) return <ErrorBox of={list.failure} retry={list.reload} />;
  return (
    <>
      <Table
        {...(fills ? { fills } : {})}
        label="Audit"
        columns={columns()}
        rows={list.items}
        id={(line) => String(line.id)}
        total={list.total}
        onEnd={list.hasMore ? list.more : undefined}
        onShow={list.show}
        empty={
          !list.isEmpty ? null : (
            <Empty title="No line of the audit log matches">
              <p>Whatever changes something, and each download of a file, is written here.</p>
            </Empty>
          )
        }
      />
      <Command text={commandOf(query)} />
    </>
  );
}

/** The page. */
export function Audit() {
  const address = useAddress();
  const query: Filter = Object.fromEntries(FILTERS.map((name) => [name, address.get(name)]));
  const list = useAudit(query);
  const fields = FILTERS.filter((name) => name !== "q" && name !== "until");
  return (
    <Page
      title="Audit"
      fills
      head={
        <>
          <h1>Audit</h1>
          <span class="quiet num" aria-live="polite">
            {list.total === undefined ? "" : count(list.total)}
          </span>
        </>
      }
    >
      <div class="toolbar">
        <input
          class="grow"
          type="search"
          value={address.get("q")}
          placeholder="Anything contains"
          aria-label="Anything contains"
          onInput={(event) => address.set({ q: event.currentTarget.value }, true)}
        />
        {fields.map((name) => (
          <input
            key={name}
            type="search"
            class="narrow"
            value={address.get(name)}
            placeholder={name === "since" ? "since: 24h, 7d" : name}
            aria-label={name}
            onInput={(event) => address.set({ [name]: event.currentTarget.value }, true)}
          />
        ))}
      </div>
      <Lines list={list} query={query} fills />
    </Page>
  );
}
