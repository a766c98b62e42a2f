// Made by types.mjs from coordinator/api/src/openapi.json; do not edit.

/** Fields that are maps with keys of an endpoint's choice. */
export const MAPS: ReadonlySet<string> = new Set(["bounds", "errors", "filtered", "labels", "mounts_skipped", "not_uploaded", "skipped", "unjudged", "waits_ms"]);

/** One agent in a list. */
export type AgentBrief = {
  /** `x86_64`, … */
  arch: string;
  /** Why it is silent, where that is known; else empty. */
  cause?: string;
  /** Its clock less the coordinator's, network included. */
  clock_offset_ms?: number | null;
  /** Two machines, or two copies of its folder, answer under this id. */
  clone?: boolean;
  /** Requests that it holds and has not finished. */
  collections: number;
  /** CPU of the process between its last two samples, percent of one core; nothing where it was never heard of. */
  cpu_percent?: number | null;
  /** Name of its machine, as it says. */
  host: string;
  /** Its id. */
  id: string;
  /** It cannot write its journal. */
  journal_full: boolean;
  /** Labels: those of the enrolment, overridden by what it says itself. */
  labels: Map<string, string>;
  last_seen?: Time | null;
  /** The name that it was enrolled under. */
  name: string;
  /** `linux`. */
  os: string;
  /** What waits in its outbox. */
  outbox_bytes: number;
  /** Resident memory in its last sample. */
  rss_bytes?: number | null;
  /** How it is doing. */
  state: AgentState;
  /** Version of the agent. */
  version: string;
};

/** A hunt or profile that an agent was expected for. */
export type AgentRequest = {
  /** File bytes read. */
  bytes_read: number;
  /** Why, as a word. */
  code: string;
  /** CPU time of the part. */
  cpu_ms: number;
  ended?: Time | null;
  /** Entries that could not be read. */
  errors: number;
  /** Id of the request. */
  id: string;
  /** When it was signed. */
  issued: Time;
  /** `hunt` or `profile`. */
  kind: string;
  /** Files that matched. */
  matched: number;
  /** Who signed it. */
  operator: string;
  /** Rows stored. */
  rows: number;
  started?: Time | null;
  /** The agent's part: one of the twelve states. */
  state: string;
  /** What it is about: the first root of a hunt, the kinds of a profile; lossy. */
  subject: string;
  /** Which agents. */
  target: string;
};

/** How an agent is doing. */
export type AgentState = "new" | "live" | "silent" | "quarantined" | "revoked";

/** A profile or file that an agent sent. */
export type AgentUpload = {
  /** Size of the content. */
  bytes: number;
  /** `file`, or the kind of a profile. */
  kind: string;
  /** Where a file lay, lossy; the kind of a profile. */
  name: string;
  received?: Time | null;
  /** Id of the request that asked for it. */
  request: string;
  /** SHA-256 of the content. */
  sha256: string;
};

/** One agent. */
export type AgentView = {
  /** `x86_64`, … */
  arch: string;
  /** What it can do. */
  capabilities: string[];
  /** Why it is silent, where that is known; else empty. */
  cause?: string;
  /** Its clock less the coordinator's, network included. */
  clock_offset_ms?: number | null;
  /** Two machines, or two copies of its folder, answer under this id. */
  clone?: boolean;
  /** Requests that it holds and has not finished. */
  collections: number;
  /** CPU of the process between its last two samples, percent of one core; nothing where it was never heard of. */
  cpu_percent?: number | null;
  /** When it was enrolled. */
  enrolled: Time;
  /** Name of its machine, as it says. */
  host: string;
  /** Its id. */
  id: string;
  /** It cannot write its journal. */
  journal_full: boolean;
  /** The journals under which it was heard lately, the latest first. */
  journals?: JournalView[];
  /** Labels: those of the enrolment, overridden by what it says itself. */
  labels: Map<string, string>;
  last_seen?: Time | null;
  /** Its machine, by a hash that is the fleet's own. */
  machine?: string | null;
  /** The name that it was enrolled under. */
  name: string;
  /** What is wrong with its identity, for people. */
  notes?: string[];
  /** `linux`. */
  os: string;
  /** What waits in its outbox. */
  outbox_bytes: number;
  policy?: PolicyView | null;
  /** Why it is in quarantine. */
  quarantine?: string | null;
  quarantined?: Time | null;
  revoked?: Time | null;
  /** Resident memory in its last sample. */
  rss_bytes?: number | null;
  /** How it is doing. */
  state: AgentState;
  stream?: StreamView | null;
  /** Version of the agent. */
  version: string;
};

/** How many agents have applied the newest pause, drain or resume of a hunt. One of which the part has ended, or is not going to begin, has nothing left to apply and counts as well. */
export type Applied = {
  /** Agents that have applied it. */
  applied: number;
  /** Agents that are expected to answer the hunt. */
  of: number;
  /** Its revision. */
  revision: number;
  /** The first agents, by id, that have not: at most 20. */
  waiting: string[];
};

/** What a hunt can collect. */
export type ArtifactView = {
  /** Its name. */
  artifact: string;
  /** The columns of its rows. */
  columns: ColumnView[];
  /** Those that a table for people shows. */
  table: string[];
  /** The version of its columns. */
  version: number;
};

/** One attempt of an agent at a hunt or a profile. */
export type AttemptView = {
  /** The request that asked for it. */
  attempt: string;
  /** How many chunks it has, once it has ended. */
  chunks?: number | null;
  /** How many of them are stored. */
  chunks_stored: number;
  /** Why, as a word. */
  code: string;
  /** Whether its rows count. */
  counts: boolean;
  ended?: Time | null;
  /** Name of the machine that it was on. */
  host: string;
  /** The journal that it ran on. */
  journal: string;
  /** Why, for people. */
  reason: string;
  received?: Time | null;
  /** How often it was taken up again. */
  resumed: number;
  /** Rows stored. */
  rows: number;
  started?: Time | null;
  /** One of the twelve states, as if there were no other attempt. */
  state: string;
};

/** One line of the audit log. */
export type AuditView = {
  /** What was done: `request`, `enrol`, `revoke`, … */
  action: string;
  /** When. */
  at: Time;
  /** More, for people. */
  detail: string;
  /** SHA-256 of this line and of the hash of the line before it, in hexadecimal. */
  hash: string;
  /** Its number, from 1, without gaps. */
  id: number;
  /** Who signed, where something was signed. */
  operator: string;
  /** To what: the id. */
  subject: string;
  /** Whose token it was. */
  token: string;
};

/** Where agents find the broker. */
export type BrokerAddress = {
  /** Certificate authorities (PEM) to trust beside the agent's system's. */
  ca?: string | null;
  /** Name or address. */
  host: string;
  /** AMQP port. */
  port: number;
  /** Whether it speaks TLS. */
  tls: boolean;
  /** Virtual host. */
  vhost: string;
};

/** The link to the broker. */
export type BrokerHealth = {
  /** `host:port`. */
  address: string;
  /** Why the broker takes no messages from any publisher: `low on disk`, `low on memory`. */
  blocked?: string | null;
  /** Why it is not up; while it is up, which queues are not read and why. */
  cause?: string | null;
  /** Whether it is up. */
  connected: boolean;
  /** Since when it is as it is. */
  since: Time;
};

/** `GET /api/v1/broker`: asked of the broker at most every five seconds, for all callers together. */
export type BrokerView = {
  as_of?: Time | null;
  /** The fullest of them: at most 50. */
  directed: QueueView[];
  directed_as_of?: Time | null;
  /** Agents whose own queue is not empty; nothing where it is not known, or there are more than are listed. */
  directed_waiting?: number | null;
  /** The link to it. */
  link: BrokerHealth;
  /** The queues of results. */
  queues: QueueView[];
  /** Why the figures are old or missing; empty where they are not. */
  trouble: string;
  /** Its version; empty until it was asked. */
  version: string;
};

/** One bar of a histogram. */
export type Bucket = {
  /** Greater than that of the bucket before, and at most this. */
  at_most: number;
  /** How many. */
  count: number;
};

/** One check. */
export type Check = {
  /** The same for people. */
  message: string;
  /** What was looked at: `broker`, `store`, `dead_letters`, … */
  name: string;
  /** What to do; empty when nothing. */
  try: string;
  /** What was found. */
  verdict: Verdict;
};

/** One agent's part in a list. */
export type CollectionBrief = {
  /** How long it took, or has been running. */
  age_ms: number;
  /** The agent. */
  agent: string;
  /** How many attempts are known. */
  attempts: number;
  /** File bytes read. */
  bytes_read: number;
  /** Why, as a word. */
  code: string;
  /** CPU time. */
  cpu_ms: number;
  ended?: Time | null;
  /** Entries that could not be read. */
  errors: number;
  /** Name of the machine that the attempt was on. */
  host: string;
  /** Files that matched. */
  matched: number;
  /** Where it is, or what took longest; lossy. */
  path: string;
  /** Why, for people. */
  reason: string;
  /** Rows stored. */
  rows: number;
  /** Entries met. */
  seen: number;
  /** For how long the agent was not heard of; nothing where the part has ended. */
  silent_s?: number | null;
  started?: Time | null;
  /** One of the twelve states. */
  state: string;
  /** Time it waited for limits or its outbox. */
  throttled_ms: number;
};

/** One agent's part in a hunt or a profile. */
export type CollectionView = {
  /** The agent. */
  agent: string;
  /** The request that asked for the run that counts. */
  attempt?: string | null;
  /** How many runs are known. */
  attempts: number;
  /** Every attempt that is known; only where one agent's part is asked for. */
  attempts_known?: AttemptView[];
  /** File bytes hashed. */
  bytes_hashed: number;
  /** File bytes read, repeats after a restart included. */
  bytes_read: number;
  /** Files whose digest comes from the agent's cache. */
  cached?: number;
  /** How many chunks the run has, once it has ended. */
  chunks?: number | null;
  /** How many of them are stored. */
  chunks_stored: number;
  /** Two machines answered under this id while the hunt could run: its rows are of one of them. */
  clone?: boolean;
  /** Why, as a word. */
  code: string;
  /** CPU time of the collection. */
  cpu_ms: number;
  ended?: Time | null;
  /** Could not be judged. */
  errors: number;
  /** Left out by the operator's own filter. */
  filtered: number;
  first_row?: Time | null;
  /** Files hashed. */
  hashed: number;
  /** Name of the machine that the run was on. */
  host: string;
  /** The hunt. */
  hunt: string;
  /** The journal of the run that counts. */
  journal?: string | null;
  /** Files without a digest by their nature. */
  listed: number;
  /** The machine, by a hash that is the fleet's own; nothing where the run named none. */
  machine?: string | null;
  /** Of them: files with a digest in the hunt's list of hashes. */
  matched?: number;
  /** File systems that were not entered: mount point, a blank, type. */
  mounts_skipped?: Map<string, number>;
  /** Where it is, or what took longest; lossy. */
  path: string;
  /** Why, for people. */
  reason: string;
  /** The same three by reason; and rows that a condition could not be held against, by condition. */
  reasons?: Reasons;
  /** How often it was taken up again. */
  resumed: number;
  /** Rows stored. */
  rows: number;
  /** Entries met. */
  seen: number;
  /** Left out by policy. */
  skipped: number;
  /** What its threads used and waited for, by its last footer. */
  spent?: Spent;
  started?: Time | null;
  /** One of the twelve states. */
  state: string;
  /** Time it waited for limits or its outbox. */
  throttled_ms: number;
  /** Of them: files that are not in that list, and are no rows. */
  unmatched?: number;
  /** Bytes that were sent of them. */
  upload_bytes?: number;
  /** Of `matched`: files whose content has been sent. */
  uploaded?: number;
};

/** One column of the rows of an artifact. */
export type ColumnView = {
  /** What it says. */
  about: string;
  /** Its name in every output. */
  name: string;
  /** Whether a row may have none. */
  optional: boolean;
  /** The version of the artifact that it joined with. */
  since: number;
  /** `bytes`, `word`, `i32`, `u32`, `u64`, `bool`, `time` or `digest`. */
  type: string;
  /** The unit of its numbers; an empty text where they have none. */
  unit: string;
};

/** One control of a hunt. */
export type ControlView = {
  /** When. */
  at: Time;
  /** The id of its request. */
  id: string;
  /** Who signed it. */
  operator: string;
  /** Its place among the controls; a cancel counts whatever its revision is. */
  revision: number;
  /** `pause`, `drain`, `resume`, `cancel`. */
  verb: string;
};

/** What an agent (or the coordinator) cost over a span of time. */
export type CurveView = {
  /** Whose. */
  agent: string;
  /** Name of its machine, when it ever told. */
  host: string;
  /** What ran meanwhile, the oldest first. */
  marks: MarkView[];
  /** How many more there were. */
  marks_left_out: number;
  /** The points, the oldest first. Where nothing came there is none. */
  points: PointView[];
  /** Beginning of the span. */
  since: Time;
  /** What a point is: a `sample`, a `minute` or an `hour`. */
  step: string;
  /** The same in milliseconds; of samples, their usual distance. */
  step_ms: number;
  /** End of the span. */
  until: Time;
};

/** One reason for which messages were set aside. */
export type DeadView = {
  /** Which queue they came from: `rows`, `status`, … */
  class: string;
  /** How many. */
  count: number;
  /** When the last one was. */
  last: Time;
  /** Why. */
  reason: string;
};

/** How one figure is spread over the parts of a hunt. */
export type Distribution = {
  /** How many are below each power of two, from the least: at most 24 buckets. */
  buckets: Bucket[];
  /** How many parts have it. */
  count: number;
  /** The greatest. */
  max: number;
  /** Half of them are at most this. */
  p50: number;
  /** 95 of 100 are at most this. */
  p95: number;
  /** 99 of 100 are at most this. */
  p99: number;
  /** All together. */
  sum: number;
  /** The 20 greatest. */
  worst: WorstAgent[];
};

/** `GET /api/v1/doctor`. */
export type Doctor = {
  /** All checks. */
  checks: Check[];
  /** The worst of the verdicts. */
  verdict: Verdict;
};

/** One agent to enrol. */
export type Enrol = {
  /** Labels. */
  labels?: Map<string, string>;
  /** A name, from which the id is minted. */
  name: string;
};

/** `POST /api/v1/agents`. */
export type EnrolAgents = {
  /** Whom to enrol. */
  agents: Enrol[];
};

/** One new agent. */
export type Enrolled = {
  /** Its id, which is also its broker user. */
  id: string;
  /** Labels. */
  labels: Map<string, string>;
  /** The name. */
  name: string;
  /** The password of the broker user. */
  password: string;
};

/** The answer to an enrolment. The passwords are nowhere else: whoever loses them enrols again. */
export type EnrolledAgents = {
  /** The new agents, in the order asked. */
  agents: Enrolled[];
  /** Where agents find the broker. */
  broker: BrokerAddress;
};

/** Every error of the API. */
export type ErrorBody = {
  /** Why. */
  cause: string;
  /** The exit code that the CLI ends with. */
  code: number;
  /** What failed. */
  error: string;
  /** What to do next. */
  try: string;
};

/** One cause. */
export type ErrorCause = {
  /** Of how many agents. */
  agents: number;
  /** How many rows. */
  count: number;
  /** The system's number; nothing where there is none. */
  errno?: number | null;
  /** Three of the paths, lossy, each with its agent. */
  examples: ErrorExample[];
  /** What it means, for people. */
  meaning: string;
  /** Its name, `EACCES`; empty where it is not known. */
  name: string;
  /** `denied`, `vanished`, `io_error`, … */
  status: string;
};

/** One path that could not be read. */
export type ErrorExample = {
  /** The agent. */
  agent: string;
  /** The path, lossy. */
  path: string;
};

/** One folder. */
export type ErrorFolder = {
  /** Of how many agents. */
  agents: number;
  /** How many rows. */
  count: number;
  /** The folder, lossy. */
  path: string;
};

/** How many agents have one value. */
export type FacetCount = {
  /** How many agents have it. */
  count: number;
  /** The value, as endpoints say it. */
  value: string;
};

/** What a set of agents is made of. */
export type Facets = {
  /** Label keys, the most frequent first: at most 50. */
  labels: LabelFacet[];
  /** Agents by operating system. */
  os: FacetCount[];
  /** Agents by state. */
  state: FacetCount[];
  /** Agents by version. */
  version: FacetCount[];
};

/** One thing that explains it. */
export type Finding = {
  /** How many agents it is about. */
  agents: number;
  /** The code that the agents gave, where they gave one. */
  code: string;
  /** A word: `not_published`, `note`, `paused`, `silent`, `seen`, `queued`, `finishing`; of agents that run, what they wait for most: `limit`, `outbox`, `journal`, `peers`, `open`, `read`, `list`, `processor`, or `stalled`, `out_of_sight`, `working`; or a state in which agents ended: `failed`, `declined`, … */
  kind: string;
  /** The first of them, those that take longest first: at most 10. */
  named: string[];
  /** The sentence. It may quote what an endpoint said. */
  says: string;
  /** What would change it: a command or a flag; empty where only time does. */
  try: string;
};

/** `GET /telemetry/fleet`. */
export type FleetCurve = {
  /** The points, the oldest first. Where nothing came there is none. */
  points: FleetPoint[];
  /** Beginning of the span. */
  since: Time;
  /** What a point is: a `minute` or an `hour`. */
  step: string;
  /** The same in milliseconds. */
  step_ms: number;
  /** End of the span. */
  until: Time;
};

/** One point: how figures are spread over the agents. */
export type FleetPoint = {
  /** The beginning of the minute or hour. */
  at: Time;
  /** CPU in percent of a core. */
  cpu_percent: Spread;
  /** Agents that were heard of in it. */
  live: number;
  /** Bytes read a second. */
  read_bytes_per_s: Spread;
  /** Resident memory in bytes. */
  rss_bytes: Spread;
  /** Agents that were on the roster and were not. */
  silent: number;
  /** Bytes written a second. */
  written_bytes_per_s: Spread;
};

/** `GET /api/v1/fleet`. */
export type FleetView = {
  /** Agents that are not revoked. */
  agents: number;
  /** The link to the broker. */
  broker: BrokerHealth;
  /** Hunts on record. */
  hunts: number;
  /** The fleet's id. */
  id: string;
  /** Those of them that were heard of lately. */
  live: number;
  /** Profile requests on record. */
  profiles: number;
  /** The public key of its root, in hexadecimal. */
  root: string;
  /** Version of the coordinator. */
  version: string;
};

/** `GET /healthz`: 200 as long as the API answers. */
export type Health = {
  /** `ok`, `no broker`, `the broker blocks publishers: …`, or which queues are not read and why. */
  broker: string;
  /** `ok`, or `degraded` when something waits. */
  status: string;
  /** `ok`, or why nothing can be written. */
  store: string;
  /** Version of the coordinator. */
  version: string;
};

/** What the controls of a hunt, all together, want of it. */
export type Hold = "none" | "drain" | "pause" | "cancel";

/** One hunt in a list. */
export type HuntBrief = {
  /** What is collected: `file_hash`, `processes`. */
  artifact: string;
  /** File bytes read. */
  bytes: number;
  /** Whether the operator cancelled it. */
  cancelled: boolean;
  /** The case that it belongs to; empty for none. */
  case?: string;
  /** CPU time of the collections. */
  cpu_ms: number;
  /** Whether nothing more is to come by itself. */
  done: boolean;
  ended_at?: Time | null;
  /** Entries that could not be read. */
  errors: number;
  /** Until when agents may begin. */
  expires: Time;
  /** The digests that are computed. */
  hashes: string[];
  /** What its controls want of it. */
  hold?: Hold;
  /** Its id. */
  id: string;
  /** How many hashes its list has. */
  ioc: number;
  /** When it was signed. */
  issued: Time;
  /** Files that matched its list. */
  matched: number;
  /** What operators call it; empty where they gave it no name. */
  name?: string;
  /** Why it was made, or what came of it, in an operator's words. */
  note?: string;
  /** Who launched it. */
  operator: string;
  /** How it ended, for people: `finished`, or `ended: 3 failed, 1 expired`; empty while something may still come. */
  outcome?: string;
  /** Whether the broker has confirmed it. */
  published: boolean;
  /** The first root, lossy; empty where there is none. */
  root: string;
  /** How many roots there are. */
  roots: number;
  /** Rows stored. */
  rows: number;
  /** Their states. */
  states: States;
  /** Which agents. */
  target: string;
  /** How many agents are expected to answer. */
  targeted: number;
};

/** `GET /hunts/{id}/costs`. */
export type HuntCosts = {
  /** When it was read. */
  as_of: Time;
  /** File bytes that a part read. */
  bytes_read: Distribution;
  /** CPU time of a part, in milliseconds. */
  cpu_ms: Distribution;
  /** How long a part took, in milliseconds. */
  duration_ms: Distribution;
  /** The hunt. */
  hunt: string;
  /** Rows of a part. */
  rows: Distribution;
  /** Time that a part waited for limits, in milliseconds. */
  throttled_ms: Distribution;
  /** Time in which threads were on no processor, by cause. */
  waits_ms: Map<string, number>;
};

/** `GET /hunts/{id}/errors`: what could not be read, by status and errno. One answer looks for a bounded time; one that is not complete has what was found so far, and the next one goes on where it stopped. */
export type HuntErrors = {
  /** When it was read. */
  as_of: Time;
  /** The causes, the most frequent first. */
  causes: ErrorCause[];
  /** Whether that was all of them. */
  complete: boolean;
  /** The folders that hold most of them: at most 20. */
  folders: ErrorFolder[];
  /** The hunt. */
  hunt: string;
  /** How many rows were looked at, for this answer and those before it. */
  looked_at: number;
  /** Rows of the hunt. */
  total: number;
};

/** A file that matched and whose content is here. */
export type HuntFile = {
  /** The agent that sent it. */
  agent: string;
  /** Name of its machine. */
  host: string;
  /** The hunt. */
  hunt: string;
  /** Where it lay, not UTF-8 lossily; at most a hundred names. */
  paths: string[];
  /** Too many rows would have had to be looked through for the names: some may be missing. */
  paths_partial?: boolean;
  /** SHA-256 of the content, under which it is fetched. */
  sha256: string;
  /** Size in bytes. */
  size: number;
};

/** `GET /hunts/{id}/timeline`: how it went, by the coordinator's clock. */
export type HuntTimeline = {
  /** When it was read. */
  as_of: Time;
  /** The hunt. */
  hunt: string;
  /** The points, the oldest first: at most 600. Each has the totals at its end. */
  points: TimelinePoint[];
  /** What one point stands for, in milliseconds. */
  step_ms: number;
};

/** One hunt. */
export type HuntView = {
  applied?: Applied | null;
  /** What is collected: `file_hash`. */
  artifact: string;
  /** When it was read. */
  as_of?: Time;
  /** Whether the operator cancelled it. */
  cancelled: boolean;
  /** The case that it belongs to; empty for none. */
  case?: string;
  /** A number that grows with every change of what is shown. */
  change?: number;
  /** Its controls, the newest last: at most the last 50. */
  controls?: ControlView[];
  /** Whether nothing more is to come by itself. */
  done: boolean;
  ended_at?: Time | null;
  /** 0 when all targeted agents finished; 2 when some did not (or not yet). */
  exit_code: number;
  /** Until when agents may begin. */
  expires: Time;
  /** The digests that are computed. */
  hashes: string[];
  /** What its controls want of it. */
  hold?: Hold;
  /** Its id. */
  id: string;
  /** How many hashes its list has; 0 where it carries none and every file comes back. */
  ioc?: number;
  /** When it was signed. */
  issued: Time;
  /** What operators call it; empty where they gave it no name. */
  name?: string;
  /** Why it was made, or what came of it, in an operator's words. */
  note?: string;
  /** What is to be known beside the figures, for people. */
  notes?: string[];
  /** Who launched it. */
  operator: string;
  /** How it ended, for people: `finished`, or `ended: 3 failed, 1 expired`. Empty while something may still come. */
  outcome?: string;
  /** What was done so far. */
  progress: Progress;
  /** Whether the broker has confirmed it. */
  published: boolean;
  /** The highest revision of its pauses, drains and resumes; the next one takes one above. 0 before the first. */
  revision?: number;
  /** What is walked, lossily. */
  roots: string[];
  /** The way it took. */
  route: Route;
  /** What that cost, by the footers of the agents. */
  spent?: Spent;
  /** Their states. */
  states: States;
  /** Which agents. */
  target: string;
  /** How many agents are expected to answer. */
  targeted: number;
};

/** `GET /api/v1/hunts/{id}/why`: computed from what is stored; no agent is asked. */
export type HuntWhy = {
  /** When it was read. */
  as_of: Time;
  /** What holds it up, and then what went wrong; the most agents first among those of one kind. */
  findings: Finding[];
  /** The hunt. */
  hunt: string;
  /** How far it is, in one sentence. */
  summary: string;
};

/** A journal under which an agent was heard lately: after a reinstallation it has another one. */
export type JournalView = {
  /** Its id. */
  journal: string;
  /** When a sample under it last came, by the coordinator's clock. */
  last_seen: Time;
};

/** One label key. */
export type LabelFacet = {
  /** How many agents have it. */
  count: number;
  /** The key. */
  key: string;
  /** Its values, the most frequent first: at most 50. */
  values: FacetCount[];
};

/** The answer to `POST /api/v1/requests`. */
export type Launched = {
  /** The id of the request. */
  id: string;
  /** What it asks for. */
  kind: string;
  /** Why it is not published yet; else empty. */
  note?: string;
  /** Whether the broker has confirmed it; else it is sent when the broker is back. */
  published: boolean;
  /** The way it takes. */
  route: Route;
  /** How many agents are expected to answer. */
  targeted: number;
};

/** The answer to `POST /api/v1/lists`. */
export type ListPiece = {
  /** How many hashes it holds. */
  hashes: number;
  /** The name by which a hunt may refer to the piece. */
  sha256: string;
};

/** A hunt or a profile on the time axis of a curve. */
export type MarkView = {
  /** CPU of a hunt's own threads. */
  cpu_ms: number;
  ended?: Time | null;
  /** Id of the request. */
  id: string;
  /** `hunt` or `profile`. */
  kind: string;
  /** File bytes that a hunt read. */
  read_bytes: number;
  /** When it began. */
  started: Time;
  /** `started`, `finished`, …: what the agent last said of it. */
  state: string;
};

/** `GET /api/v1/overview`. */
export type Overview = {
  /** Agents by state. */
  agents: FacetCount[];
  /** When it was read. */
  as_of: Time;
  /** The link to the broker. */
  broker: BrokerHealth;
  /** The busiest agents, by CPU: at most 10. */
  busiest: AgentBrief[];
  /** The checks that are not `ok`, the worst first. */
  checks: Check[];
  /** Messages that were set aside since the store was made. */
  dead_letters: number;
  /** The fleet's id. */
  fleet: string;
  /** Hunts that are not done, the latest first: at most 10. */
  hunts: HuntBrief[];
  /** How many hunts are not done. */
  hunts_open: number;
  /** Hunts on record. */
  hunts_total: number;
  /** Profiles, the latest first: at most 10. */
  profiles: ProfileBrief[];
  /** Rows that were stored a second, over the last minute. */
  rows_per_s: number;
  /** The worst verdict of the checks. */
  verdict: Verdict;
  /** Version of the coordinator. */
  version: string;
};

/** One point of a curve. Of a sample, least, mean and greatest are the same. */
export type PointView = {
  /** The sample's time, or the beginning of the minute or hour. */
  at: Time;
  /** the mean, */
  cpu_percent: number;
  /** the greatest. */
  cpu_percent_max: number;
  /** CPU in percent of a core: the least, */
  cpu_percent_min: number;
  /** The most open file descriptors. */
  fds: number;
  /** The fullest outbox. */
  outbox_bytes: number;
  /** the mean, */
  read_bytes_per_s: number;
  /** the greatest. */
  read_bytes_per_s_max: number;
  /** Bytes read a second: the least, */
  read_bytes_per_s_min: number;
  /** the mean, */
  rss_bytes: number;
  /** the greatest. */
  rss_bytes_max: number;
  /** Resident memory: the least, */
  rss_bytes_min: number;
  /** How many samples it stands for. */
  samples: number;
  /** The most threads. */
  threads: number;
  /** the mean, */
  written_bytes_per_s: number;
  /** the greatest. */
  written_bytes_per_s_max: number;
  /** Bytes written a second: the least, */
  written_bytes_per_s_min: number;
};

/** What the owner of a machine allows, as the agent last reported it. */
export type PolicyView = {
  /** The folders that may be collected from, lossy: the first of them. Null where the owner does not tell them. */
  allow_roots?: string[] | null;
  /** How many folders may be collected from; null: all. */
  allow_rules?: number | null;
  /** Artifacts that may be collected; null: all that the folders do not forbid. */
  artifacts?: string[] | null;
  /** Bounds, by their key in `policy.toml`; one that is not here is open. */
  bounds: Map<string, number>;
  /** What is carried out; null: all. */
  capabilities?: string[] | null;
  /** The folders that may not, in the same way. */
  deny_roots?: string[] | null;
  /** How many folders may not. */
  deny_rules: number;
  /** When it was reported, by the coordinator's clock. */
  received: Time;
  /** Command lines of processes are shown. */
  shows_cmdline: boolean;
};

/** `POST /api/v1/targets/preview`. */
export type PreviewTarget = {
  /** The expression. */
  expr: string;
  /** The part of the matching agents that is meant, in millionths. */
  sample_ppm?: number | null;
};

/** One agent's profile. */
export type ProfileAgentView = ProfileKindView & {
  /** The agent. */
  agent: string;
  /** Why, as a word. */
  code: string;
  /** Name of its machine. */
  host: string;
  /** CPU that the agent's own work for the profile cost, beside the samples: switching on and off, writing the blobs. Null where that is not told from the rest: for what an agent took of a hunt by itself, and for the coordinator. */
  own_cpu_ms?: number | null;
  /** The request. */
  profile: string;
  /** Each kind that was taken, in the order of the request. */
  profiles: ProfileKindView[];
  /** Why, for people. */
  reason: string;
  /** One of the twelve states. */
  state: string;
};

/** One request for profiles in a list. */
export type ProfileBrief = {
  /** The first agent that is expected. */
  agent?: string | null;
  /** Whether nothing more is to come by itself. */
  done: boolean;
  /** Samples a second asked for. */
  hertz: number;
  /** The hunt of which only threads are sampled; nothing where the whole process is. */
  hunt?: string | null;
  /** Its id. */
  id: string;
  /** When it was signed. */
  issued: Time;
  /** What is sampled. */
  kinds: string[];
  /** Whether it is a hunt, of which agents took profiles by themselves because it stood still. */
  on_stall: boolean;
  /** Who asked. */
  operator: string;
  /** Seconds asked for. */
  seconds: number;
  /** Their states. */
  states: States;
  /** Which agents. */
  target: string;
  /** How many agents are expected to answer. */
  targeted: number;
};

/** One kind of an agent's profile. */
export type ProfileKindView = {
  /** Size of the blob, 0 while it is not stored. */
  bytes: number;
  /** CPU time of the process over the window. */
  cpu_ms: number;
  /** How often a thread took a sample of itself, in its signal handler or, of memory, in the allocator. */
  handler_runs: number;
  /** CPU time of these, by a counter of the sampler's own. */
  handler_us: number;
  /** Samples a second. */
  hertz: number;
  /** `cpu`, `wall`, … */
  kind: string;
  /** Samples that were lost. */
  lost: number;
  /** Whether the window was cut short. */
  partial: boolean;
  /** Samples in the profile; 0 for what is no profile of stacks. */
  samples: number;
  /** Both together, in percent of a core over the window. */
  sampling_percent: number;
  /** SHA-256 of the blob, once it is stored. */
  sha256?: string | null;
  /** CPU time of the sampler's own thread; profiles of the same time share it. */
  sweeper_us: number;
  window_end?: Time | null;
  window_start?: Time | null;
};

/** One request for profiles. */
export type ProfileView = {
  /** One for each agent. */
  agents: ProfileAgentView[];
  /** Whether nothing more is to come by itself. */
  done: boolean;
  /** 0 when all targeted agents finished, else 2. */
  exit_code: number;
  /** Until when agents may begin. */
  expires: Time;
  /** Samples a second asked for. */
  hertz: number;
  /** Its id. */
  id: string;
  /** When it was signed. */
  issued: Time;
  /** What is sampled. */
  kinds: string[];
  /** Whether it is a hunt, of which agents took profiles by themselves because it stood still. */
  on_stall?: boolean;
  /** Who asked. */
  operator: string;
  /** Whether the broker has confirmed it. */
  published: boolean;
  /** The way it took. */
  route: Route;
  /** Seconds asked for. */
  seconds: number;
  /** Their states. */
  states: States;
  /** Which agents. */
  target: string;
  /** How many agents are expected to answer. */
  targeted: number;
};

/** What has been done so far: of ended collections by their footers, of running ones by telemetry. */
export type Progress = {
  /** File bytes read. */
  bytes: number;
  /** CPU time of the collections. */
  cpu_ms: number;
  /** Entries that could not be evaluated: denied, vanished, or with an error when they were read. */
  errors?: number;
  /** Files hashed. */
  files: number;
  /** Files hashed a second, over the last samples of the running collections. */
  files_per_s: number;
  /** Of them: files with a digest in the hunt's list of hashes, by the footers of the agents. */
  matched?: number;
  /** Megabytes (1,000,000 bytes) read per second, over the same samples. */
  mb_per_s: number;
  /** Rows that are stored. */
  rows: number;
  /** Directory entries met. */
  seen: number;
  /** Bytes of chunks that are stored. */
  stored_bytes: number;
  /** Time that collections waited for limits or for their outbox. */
  throttled_ms: number;
};

/** `POST /api/v1/agents/{id}/quarantine`. */
export type QuarantineAgent = {
  /** Why, for the other operators. */
  reason: string;
};

/** One queue. */
export type QueueView = {
  /** Their bytes. */
  bytes: number;
  /** Consumers. */
  consumers: number;
  /** Messages that came a second, where the broker says so. */
  in_per_s?: number | null;
  /** Bytes that it may hold; nothing where it has no bound. */
  limit_bytes?: number | null;
  /** Messages in it. */
  messages: number;
  /** Its name. */
  name: string;
  /** Messages that went a second. */
  out_per_s?: number | null;
  /** Of them: handed out and not acknowledged yet. */
  unacked: number;
};

/** What entries of one agent's part were not read for, by reason. */
export type Reasons = {
  /** Could not be read: `denied`, `vanished`, `io_error`. */
  errors?: Map<string, number>;
  /** Left out by the operator's own filter: `include`, `exclude`, `kind`, `size`, `mtime`, … */
  filtered?: Map<string, number>;
  /** Files that matched and were to be sent, and were not. */
  not_uploaded?: Map<string, number>;
  /** Left out by policy: `skipped_kind`, `skipped_fs`. */
  skipped?: Map<string, number>;
  /** Rows that a condition could not be held against: `btime` where the file system knows no birth. */
  unjudged?: Map<string, number>;
};

/** The answer to `POST /api/v1/doctor/rebuild`: the read models, made again from what they are made of. */
export type Rebuilt = {
  /** Records that differed from what their sources make of them, and are right now; 0 is well. */
  different: number;
  /** The requests of these: at most 100. */
  of: string[];
  /** Hunts and profiles that were made again. */
  rebuilt: number;
};

/** `GET /requests/{id}`: every field of a signed request, decoded. */
export type RequestView = {
  /** Its arguments, every field by its name; bytes that are no text as `{"base64": "…"}`. */
  arguments: unknown;
  /** How many bytes are signed. */
  bytes: number;
  /** What the certificate allows. */
  capabilities: string[];
  certificate_until?: Time | null;
  /** The command that makes the same; empty where there is none. */
  command: string;
  /** Until when agents may begin. */
  expires: Time;
  /** Its id. */
  id: string;
  /** When it was signed. */
  issued: Time;
  /** The key that signed it. */
  key: string;
  /** `hunt.start`, `profile.start`, `control`, … */
  kind: string;
  /** Its bounds, every one by its name. */
  limits: unknown;
  /** Whose key that is, by its certificate. */
  operator: string;
  /** The way it took. */
  route: Route;
  /** The part of the matching agents that is meant, in millionths. */
  sample_ppm?: number | null;
  /** Which agents. */
  target: string;
};

/** The way that a request takes. */
export type Route = "broadcast" | "directed" | "coordinator";

/** One row of one agent. */
export type RowView = {
  /** The agent. */
  agent: string;
  /** What it is a row of, `file_hash`. */
  artifact: string;
  /** Two machines answered under the agent's id meanwhile: the row is of one of them. */
  clone?: boolean | null;
  /** Name of the machine that the run was on. */
  host: string;
  /** The hunt that found it. */
  hunt: string;
  /** The digests that are in the list of hashes of the hunt, `md5,sha256`; nothing where none is, or there is no list. */
  match?: string | null;
  /** Its content was sent and can be fetched. */
  uploaded?: boolean | null;
} & { [column: string]: unknown };

/** `GET /hunts/{id}/rows`. It says how far it looked: an answer that is not complete goes on at `next`. In walk order the answers put together are the rows that the filter leaves, each once. Sorted, each answer has the first rows of all that was looked at so far and takes the place of the one before; once an answer is complete, its `next` leads to the rows behind it. */
export type RowsPage = {
  /** When it was read. */
  as_of: Time;
  /** Whether everything that the question asks for was looked at: no row behind it is meant, and a sorted answer is final. */
  complete: boolean;
  /** How many rows the filter leaves; nothing while that is not known. */
  found?: number | null;
  /** How many of them were looked at for this answer. */
  looked_at: number;
  /** Where to go on: `?cursor=` takes it as it is. Nothing at the end. Behind it there may be no further row. */
  next?: string | null;
  /** The rows that were found, in the order that was asked for. */
  rows: RowView[];
  /** Rows of the hunt, whatever the filter. */
  total: number;
};

/** One collection at the moment of a sample. */
export type RunningView = {
  /** Since it began. */
  age_ms: number;
  /** File bytes read. */
  bytes: number;
  /** CPU of its own threads. */
  cpu_ms: number;
  /** Files hashed. */
  hashed: number;
  /** Where it is, lossily. */
  path: string;
  /** The request. */
  request: string;
  /** Entries seen. */
  seen: number;
  /** `queued` or `running`. */
  state: string;
  /** Time it waited. */
  throttled_ms: number;
};

/** `GET /api/v1/search`. */
export type Search = {
  /** What was found: at most 20. */
  hits: SearchHit[];
  /** There is more. */
  truncated: boolean;
};

/** One thing that a search found. */
export type SearchHit = {
  /** Its id; the digest. */
  id: string;
  /** `agent`, `hunt`, `profile` or `digest`. */
  kind: string;
  /** What it is, for people. */
  text: string;
};

/** What the threads of ended collections used, and what they waited for. CPU and waits add up to `threads_ms`. */
export type Spent = {
  /** CPU in the kernel. */
  cpu_system_ms?: number;
  /** CPU in user mode. */
  cpu_user_ms?: number;
  /** What had to be fetched from a disk. */
  disk_read_bytes?: number;
  /** What was written to a disk. */
  disk_written_bytes?: number;
  /** Page faults that waited for a disk. */
  faults_major?: number;
  /** Page faults that needed no disk. */
  faults_minor?: number;
  /** Time that the threads were there, added up. */
  threads_ms?: number;
  /** Time in which they were on no processor, by cause: `limit`, `outbox`, `journal`, `peers`, `open`, `read`, `list`, `processor`, `other`. */
  waits_ms?: Map<string, number>;
};

/** How one figure is spread over agents. */
export type Spread = {
  /** The greatest. */
  max: number;
  /** Half of the agents are at most here. */
  p50: number;
  /** 95 of 100 are at most here. */
  p95: number;
  /** 99 of 100 are at most here. */
  p99: number;
};

/** How many agents are in each state; their sum is `targeted`. */
export type States = {
  /** Ended by the operator. */
  cancelled: number;
  /** Refused by the agent. */
  declined: number;
  /** Never began, and now may not. */
  expired: number;
  /** Ended by an error. */
  failed: number;
  /** Has ended well and everything is stored. */
  finished: number;
  /** Has ended; chunks are still missing. */
  finishing: number;
  /** Ended, and chunks have been missing for too long. */
  incomplete: number;
  /** Stopped for a while. */
  paused: number;
  /** Waits for a lane. */
  queued: number;
  /** Runs. */
  running: number;
  /** The agent has the request. */
  seen: number;
  /** Nothing is known to have reached the agent. */
  silent: number;
};

/** Where an agent stands on the stream of requests. */
export type StreamView = {
  /** The first offset that retention took away before the agent read it; null where none was lost. */
  gap_first?: number | null;
  /** The last one. */
  gap_last?: number | null;
  /** The last offset that it has journalled; null where it has read none. */
  offset?: number | null;
};

/** A file that profiles get their names from. */
export type SymbolsView = {
  /** When it was added. */
  added: Time;
  /** Its size. */
  bytes: number;
  /** The build id that the linker gave it, in hexadecimal. */
  id: string;
};

/** Where an expression does not parse. */
export type TargetError = {
  /** Position in bytes. */
  at: number;
  /** Why. */
  why: string;
};

/** Whom a target would hit now. */
export type TargetPreview = {
  error?: TargetError | null;
  /** What they are. */
  facets: Facets;
  /** The first 50 of them, by id. */
  first: AgentBrief[];
  /** Agents that do not match. */
  left_out: number;
  /** How many agents that are not revoked match. */
  matched: number;
  /** Agents that would match and are revoked. */
  revoked: number;
  route?: Route | null;
};

/** The latest self-sample of an agent (or of the coordinator). */
export type TelemetryView = {
  /** How long ago that was. */
  age_ms: number;
  /** Whose. */
  agent: string;
  /** When, by the agent's clock. */
  at: Time;
  /** What waits or runs. */
  collections: RunningView[];
  /** CPU of the process since the last sample, percent of one core. */
  cpu_percent: number;
  /** Open file descriptors. */
  fds: number;
  /** Name of its machine. */
  host: string;
  /** It cannot write its journal. */
  journal_full: boolean;
  /** Their size. */
  outbox_bytes: number;
  /** Messages that wait in its outbox. */
  outbox_messages: number;
  /** Bytes read since its start. */
  read_bytes: number;
  /** Bytes read a second, since the sample before. */
  read_bytes_per_s: number;
  /** When it arrived, by the coordinator's clock. */
  received: Time;
  /** Resident memory. */
  rss_bytes: number;
  /** `live`, or `silent`: then this is how it was, not how it is. */
  state: AgentState;
  /** Threads. */
  threads: number;
  /** Bytes written since its start. */
  written_bytes: number;
  /** Bytes written per second. */
  written_bytes_per_s: number;
};

/** RFC 3339 in UTC with milliseconds. */
export type Time = string;

/** How far the hunt was at one moment. */
export type TimelinePoint = {
  /** The moment. */
  at: Time;
  /** Agents that had ended, by state. */
  ended: States;
  /** Agents of which anything had been heard. */
  heard: number;
  /** Rows that were stored. */
  rows: number;
};

/** What a check found. */
export type Verdict = "ok" | "warn" | "bad";

/** The answer to `who-has`. */
export type WhoHas = {
  /** Asked-for digests that no file has. */
  absent: string[];
  /** The files, and the processes that run one, that have one of the digests. */
  rows: RowView[];
  /** How many agents they are of. */
  scanned_agents: number;
  /** How many rows were looked at. */
  scanned_rows: number;
  /** There is more than is shown. */
  truncated: boolean;
};

/** An agent and its figure. */
export type WorstAgent = {
  /** The agent. */
  agent: string;
  /** Name of its machine. */
  host: string;
  /** Its figure. */
  value: number;
};
