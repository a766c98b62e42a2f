// A server in the coordinator's place: it answers every path of the API by the shapes of the OpenAPI document, with whatever it
// likes in each field.
import { readFileSync } from "node:fs";
import { serve } from "./lib.mjs";

const { schemas } = JSON.parse(
  readFileSync(new URL("../../coordinator/api/src/openapi.json", import.meta.url), "utf8"),
).components;

const pageOf = (name) => ({
  type: "object",
  properties: {
    items: { type: "array", items: { $ref: `#/components/schemas/${name}` } },
    next: { type: "null" },
    total: { type: "integer" },
    as_of: { $ref: "#/components/schemas/Time" },
    facets: { $ref: "#/components/schemas/Facets" },
  },
});
const one = (name) => ({ $ref: `#/components/schemas/${name}` });

/** What each path answers with, the first that fits. */
const SHAPES = [
  [/^\/overview$/, one("Overview")],
  [/^\/fleet$/, one("FleetView")],
  [/^\/agents$/, pageOf("AgentBrief")],
  [/^\/agents\/[^/]+\/requests$/, pageOf("AgentRequest")],
  [/^\/agents\/[^/]+\/uploads$/, pageOf("AgentUpload")],
  [/^\/agents\/[^/]+(\/\w+)?$/, one("AgentView")],
  [/^\/targets\/preview$/, one("TargetPreview")],
  [/^\/requests$/, one("Launched")],
  [/^\/requests\/[^/]+$/, one("RequestView")],
  [/^\/hunts$/, pageOf("HuntBrief")],
  [/^\/hunts\/[^/]+$/, one("HuntView")],
  [/^\/hunts\/[^/]+\/agents$/, pageOf("CollectionBrief")],
  [/^\/hunts\/[^/]+\/agents\/[^/]+$/, one("CollectionView")],
  [/^\/hunts\/[^/]+\/rows$/, one("RowsPage")],
  [/^\/hunts\/[^/]+\/errors$/, one("HuntErrors")],
  [/^\/hunts\/[^/]+\/costs$/, one("HuntCosts")],
  [/^\/hunts\/[^/]+\/timeline$/, one("HuntTimeline")],
  [/^\/hunts\/[^/]+\/why$/, one("HuntWhy")],
  [/^\/hunts\/[^/]+\/files$/, pageOf("HuntFile")],
  [/^\/profiles$/, pageOf("ProfileBrief")],
  [/^\/profiles\/[^/]+$/, one("ProfileView")],
  [/^\/telemetry\/fleet$/, one("FleetCurve")],
  [/^\/telemetry\/[^/]+$/, one("CurveView")],
  [/^\/telemetry$/, pageOf("TelemetryView")],
  [/^\/broker$/, one("BrokerView")],
  [/^\/dead$/, pageOf("DeadView")],
  [/^\/audit$/, pageOf("AuditView")],
  [/^\/search$/, one("Search")],
  [/^\/doctor$/, one("Doctor")],
  [/^\/artifacts$/, { type: "array", items: one("ArtifactView") }],
  [/^\/symbols$/, { type: "array", items: one("SymbolsView") }],
  [/^\/who-has$/, one("WhoHas")],
];

/** Text that tries everything. */
export const HOSTILE = [
  '<img src=/pwned onerror="window.__pwned=1">',
  "\"'><script>window.__pwned=1;fetch('/pwned')</script>",
  "javascript:window.__pwned=1",
  "</textarea></title><svg onload=window.__pwned=1>",
  "__proto__",
  "\u202egnp.exe\u202c\u2066\u200b",
  "a\u0000b\nc\r\td\u001b[31m",
  `${"W".repeat(4_090)}<b>x`,
  "constructor",
  "{{7*7}}${7*7}",
  "http://elsewhere.example/x",
  "toString",
];

/**
 * Makes documents of a schema. `text(name, n)` gives each string; `wrong` replaces values by those of other types; `sound` keeps to
 * the words of enumerations, which the command line's own types insist on.
 */
export function maker({ text = (_, n) => HOSTILE[n % HOSTILE.length], wrong = false, sound = false, items = 2 } = {}) {
  let n = 0;
  const wrongs = [null, 0, -1, 1e308, "", "text", [], {}, [[]], { length: 1e9 }, true, ["__proto__"], "9".repeat(400)];
  const make = (schema, name, depth) => {
    n++;
    if (wrong && depth > 0 && n % 3 === 0) return wrongs[n % wrongs.length];
    if (depth > 12) return null;
    if (schema.$ref) {
      const known = schema.$ref.split("/").pop();
      if (known === "Time") return "2026-11-30T10:00:00.000Z";
      return make(schemas[known] ?? {}, name, depth);
    }
    const some = schema.oneOf ?? schema.anyOf;
    if (some) return make(some.find((each) => each.type !== "null") ?? some[0], name, depth);
    if (schema.allOf) return Object.assign({}, ...schema.allOf.map((each) => make(each, name, depth)));
    if (sound && schema.enum) return schema.enum[n % schema.enum.length];
    const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
    switch (type) {
      case "array":
        return Array.from({ length: items }, () => make(schema.items ?? {}, name, depth + 1));
      case "integer":
      case "number":
        // Which the types of the command line hold in a byte.
        if (sound && name === "exit_code") return n % 3;
        return n % 7 === 0 ? Number.MAX_SAFE_INTEGER : n % 50;
      case "boolean":
        return n % 2 === 0;
      case "null":
        return null;
      case "string":
        return text(name, n);
      default:
    }
    if (schema.properties) {
      const made = Object.entries(schema.properties).map(([key, field]) => [key, make(field, key, depth + 1)]);
      if (schema.additionalProperties) for (const key of HOSTILE) made.push([key, text(key, n)]);
      return fromEntries(made);
    }
    if (schema.additionalProperties || type === "object") {
      const of = typeof schema.additionalProperties === "object" ? schema.additionalProperties : { type: "string" };
      return fromEntries(HOSTILE.slice(0, 6).map((key) => [key, make(of, key, depth + 1)]));
    }
    return text(name, n);
  };
  return (schema) => make(schema, "", 0);
}

/** As Object.fromEntries; `__proto__` is a key like any other in JSON. */
function fromEntries(entries) {
  const made = {};
  for (const [key, value] of entries) {
    Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return made;
}

/** The data of a flame graph whose every name is text. */
export function flame(text) {
  const name = (n) => text("name", n);
  return {
    names: Array.from({ length: 12 }, (_, n) => name(n)),
    modules: [0, 1],
    threads: [2, 3],
    hunts: [4],
    agents: [5],
    sides: [{ unit: "nanoseconds", total: 1_000_000 }],
    unit: "nanoseconds",
    nodes: [-1, -1, -1, 0, 0, 0, 0, 6, 7, 1, 0, 0, 1, 8, 9, 2, 1, 0],
    cells: [1, 0, 0, 0, 400_000, 2, 1, 0, 0, 600_000],
    title: name(1),
    smallest: "",
  };
}

function viewOf(path, make, text) {
  const view = path.split("/").pop().split("?")[0];
  const name = (n) => text("name", n);
  const cost = { flat: 5, cum: 9, flat_percent: 50, cum_percent: 90 };
  const row = (n) => ({ function: name(n), file: name(n + 1), module: name(n + 2), thread: name(n + 3), hunt: name(n + 4), agent: name(n + 5), line: n, ...cost });
  const common = { type: name(0), unit: "nanoseconds", total: 10 };
  switch (view) {
    case "flame.json":
      return flame(text);
    case "top":
      return { ...common, total_samples: 3, summary: [], collections: [], nameless: [], functions: [1, 2, 3].map(row), lines: [1, 2].map(row), files: [row(1)], modules: [row(1)], threads: [row(2)], hunts: [row(3)], agents: [row(4)] };
    case "tree":
      return { ...common, left_out: 0, rows: [1, 2, 3].map((depth) => ({ depth, inlined: false, ...row(depth) })) };
    case "lines":
      return { ...common, lines: [1, 2, 3].map((line) => ({ file: name(line), line, flat: 3, cum: 4 })) };
    case "diff":
      return { ...common, before_total: 3, after_total: 4, rows: [1, 2].map((n) => ({ ...row(n), flat_before: 1, flat_after: 2, flat_delta: 1, cum_before: 1, cum_after: 2, cum_delta: 1 })) };
    default:
      return make({ type: "object" });
  }
}

/** Returns the document that a path of the API answers with; `options` are those of `maker`. */
export function documentOf(path, options = {}) {
  const make = maker(options);
  const plain = path.replace(/^\/api\/v1/, "").split("?")[0];
  const shape = SHAPES.find(([pattern]) => pattern.test(plain))?.[1];
  return shape ? make(shape) : viewOf(plain, make, options.text ?? ((_, n) => HOSTILE[n % HOSTILE.length]));
}

/** An event stream that says nothing but comments. */
export function quiet(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(": nothing\n\n");
}

/** A fake coordinator: `answer(request, response, path, body)` is replaced at will. */
export async function fakeCoordinator() {
  const fake = { answer: undefined, asked: [], posted: [] };
  const server = await serve((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      const body = Buffer.concat(pieces);
      fake.asked.push(`${request.method} ${request.url}`);
      if (request.method === "POST") fake.posted.push({ url: request.url, body });
      const isStream = request.url.startsWith("/api/v1/events");
      if (isStream && !fake.answersEvents) return quiet(response);
      return fake.answer(request, response, request.url, body);
    });
  });
  return Object.assign(fake, { url: server.origin, port: server.port, stop: server.stop });
}

/** Answers with JSON. */
export function json(response, value, status = 200) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(typeof value === "string" ? value : JSON.stringify(value));
}
