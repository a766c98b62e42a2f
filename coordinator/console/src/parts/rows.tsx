//! Columns of rows, by the schema of their artifact, and the side panel with every field of one.

import { writeJson } from "../api/json.ts";
import type { ArtifactView, ColumnView, RowView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import { agentPath } from "../pages/overview-lists.tsx";
import { cut, escapeBytes, escaped } from "../text/escape.ts";
import { bytes, count, duration, type Figure } from "../text/format.ts";
import { moment, zone } from "../text/time.ts";
import { CopyButton } from "./copy.tsx";
import { Icon } from "./icon.tsx";
import type { Column } from "./table.tsx";
import { Num, Text, When } from "./text.tsx";

const DIGESTS = ["sha256", "sha1", "md5", "blake3", "sha512"];
/** Statuses of entries that could not be read. */
const BAD = new Set(["denied", "io_error", "vanished", "unreadable"]);

/** Returns the artifacts that the coordinator knows; none until it has told them. */
export function useArtifacts(): ArtifactView[] {
  const told = useGet<ArtifactView[]>("/artifacts").data;
  return Array.isArray(told) ? told : [];
}

/** Returns the schema of an artifact; nothing until it is known. */
export function useSchema(artifact: string): ArtifactView | undefined {
  return useArtifacts().find((one) => one.artifact === artifact);
}

/** Returns the exact bytes of a column; nothing where its text is exact. */
function exact(row: RowView, name: string): Uint8Array | undefined {
  const base64 = row[`${name}_b64`];
  if (typeof base64 !== "string") return undefined;
  try {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Shows a column of bytes: what is not UTF-8 as `\xNN`. */
function Bytes({ row, name, most }: { row: RowView; name: string; most: number }) {
  const raw = exact(row, name);
  const text = raw ? escapeBytes(raw) : escaped(String(row[name] ?? ""));
  return text ? (
    <span class="mono" title={cut(text, 2000)}>
      {cut(text, most)}
    </span>
  ) : null;
}

/** Shows one value as its column's type has it. */
function Value({ row, column, most = 200 }: { row: RowView; column: ColumnView; most?: number }) {
  const value = row[column.name];
  if (value === null || value === undefined) return null;
  switch (column.type) {
    case "bytes":
      return <Bytes row={row} name={column.name} most={most} />;
    case "time":
      return <When of={String(value)} />;
    case "digest":
      return (
        <span class="id">
          <Text of={String(value)} most={most < 200 ? 16 : 200} />
        </span>
      );
    case "i32":
    case "u32":
    case "u64":
      if (column.name === "mode")
        return <span class="mono">{Number(value).toString(8).padStart(4, "0")}</span>;
      if (column.unit === "bytes") return <Num of={value as Figure} as={bytes} />;
      if (column.unit === "ms") return <Num of={value as Figure} as={duration} />;
      return <span class="num">{String(value)}</span>;
    default:
      return <Text of={String(value)} most={most} />;
  }
}

/** Shows how an entry was read. */
export function Status({ row }: { row: RowView }) {
  const status = String(row.status ?? "");
  const errno = row.errno === null || row.errno === undefined ? "" : ` (${String(row.errno)})`;
  return (
    <span class={BAD.has(status) ? "bad" : "quiet"} title={`${escaped(status)}${errno}`}>
      {row.match ? (
        <b class="hitword">
          <Icon name="hunts" size={12} title="In the hunt's list of hashes" /> match{" "}
        </b>
      ) : null}
      {row.uploaded ? <Icon name="upload" size={12} title="Its content was sent" /> : null}
      {row.match ? null : cut(escaped(status), 24)}
    </span>
  );
}

/** Returns the columns of a table of rows. */
export function rowColumns(schema: ArtifactView | undefined): Column<RowView>[] {
  const path: ColumnView = { name: "path", type: "bytes", unit: "", about: "", optional: false, since: 1 };
  const columns = schema?.columns ?? [path];
  const table = new Set(schema?.table ?? ["path"]);
  const main =
    columns.find((column) => table.has(column.name) && column.type === "bytes" && column.name !== "comm") ??
    path;
  const isNumber = (column: ColumnView) => /^[iu]\d/.test(column.type);
  const others = columns.filter(
    (column) => !["status", "errno", main.name].includes(column.name) && column.type !== "digest",
  );
  return [
    { id: "status", title: "Status", width: "112px", cell: (row) => <Status row={row} /> },
    {
      id: main.name,
      title: main.name,
      width: "minmax(220px, 3fr)",
      cell: (row) => <Bytes row={row} name={main.name} most={300} />,
    },
    ...others.map((column): Column<RowView> => {
      const isShown = table.has(column.name) || column.name === "mtime";
      return {
        id: column.name,
        title: column.type === "time" ? `${column.name} (${zone()})` : column.name,
        about: `${column.about}${column.unit ? ` (${column.unit})` : ""}`,
        width: column.type === "time" ? "140px" : column.type === "bytes" ? "minmax(100px, 1fr)" : "84px",
        ...(isNumber(column) ? { align: "right" as const } : {}),
        ...(["size", "mtime", "ctime", "cpu_ms", "rss_bytes", "started"].includes(column.name)
          ? { sort: column.name }
          : {}),
        ...(isShown ? (column.name === "mtime" ? { spare: 1 } : {}) : { isExtra: true }),
        cell: (row) => <Value row={row} column={column} most={120} />,
      };
    }),
    {
      id: "digest",
      title: "Digest",
      width: "136px",
      cell: (row) => {
        const name = DIGESTS.find((one) => typeof row[one] === "string");
        return name ? (
          <span class="id" title={`${name} ${escaped(String(row[name]))}`}>
            {escaped(String(row[name])).slice(0, 14)}…
          </span>
        ) : null;
      },
    },
    {
      id: "host",
      title: "Host",
      width: "minmax(110px, 1fr)",
      cell: (row) => (
        <a href={agentPath(row.agent)}>
          <Text of={row.host || row.agent} most={60} />
        </a>
      ),
    },
  ];
}

const keys = new WeakMap<RowView, string>();
let nextKey = 0;

/** Two rows may be the same in every field: the object itself is the key. */
export function rowKey(row: RowView): string {
  let key = keys.get(row);
  if (key === undefined) {
    key = String(nextKey++);
    keys.set(row, key);
  }
  return key;
}

/** Every field of one row, with exact bytes. */
export function RowPanel({
  row,
  schema,
  onClose,
}: {
  row: RowView;
  schema: ArtifactView | undefined;
  onClose: () => void;
}) {
  const known = new Map((schema?.columns ?? []).map((column) => [column.name, column]));
  const names = Object.keys(row).filter((name) => !name.endsWith("_b64") || !(name.slice(0, -4) in row));
  const digest = DIGESTS.map((name) => row[name]).find((value) => typeof value === "string");
  return (
    <aside class="panel detail" aria-label="The row">
      <header>
        <h2>Row</h2>
        <span class="space" />
        <CopyButton text={() => writeJson(row)} label="Copy as JSON" />
        <button type="button" class="bare" onClick={onClose} aria-label="Close">
          <Icon name="cross" />
        </button>
      </header>
      <div class="content">
        <dl class="fields">
          {names.map((name) => (
            <div key={name}>
              <dt title={known.get(name)?.about}>
                <Text of={name} most={60} />
              </dt>
              <dd>
                <Field row={row} name={name} column={known.get(name)} />
              </dd>
            </div>
          ))}
        </dl>
        {digest ? (
          <p>
            <a href={`/who-has?hash=${encodeURIComponent(String(digest))}`}>
              All agents that have this content
            </a>
          </p>
        ) : null}
      </div>
    </aside>
  );
}

function Field({ row, name, column }: { row: RowView; name: string; column: ColumnView | undefined }) {
  const value = row[name];
  if (value === null || value === undefined) return <span class="none">–</span>;
  const raw = exact(row, name);
  const text = raw ? escapeBytes(raw) : escaped(String(value));
  const isTime = column?.type === "time";
  return (
    <>
      <span class={column?.type === "bytes" || column?.type === "digest" ? "mono" : ""}>
        {isTime ? moment(String(value)) : cut(text, 8192)}
      </span>
      {column?.unit === "bytes" ? <span class="quiet"> ({bytes(value as Figure)})</span> : null}
      {column?.name === "mode" ? <span class="quiet"> ({Number(value).toString(8)} octal)</span> : null}
      <CopyButton text={String(value)} label={`Copy ${name}`} />
      {raw ? (
        <span class="base64 mono">
          base64 {cut(String(row[`${name}_b64`]), 8192)}
          <CopyButton text={String(row[`${name}_b64`])} label="Copy the exact bytes as base64" />
        </span>
      ) : null}
    </>
  );
}

/** Writes how far a search has looked. */
export function looked(lookedAt: number, total: Figure, found: number): string {
  return `looked at ${count(lookedAt)} of ${count(total)}, ${count(found)} so far`;
}
