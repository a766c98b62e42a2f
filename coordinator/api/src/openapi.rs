//! The OpenAPI document: every endpoint, with the types of [`super`].
//!
//! `ENDPOINTS` is the list; a test holds it against the router. The document that is served is a file beside this one:
//! it is made from the types only in tests, so that nobody's build pays for the derivation, and its changes can be read.

use utoipa::OpenApi as _;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, KnownFormat, ObjectBuilder, OpenApi, Ref, Required, Response,
    ResponseBuilder, SchemaFormat, Type,
};

use super::{
    AgentBrief, AgentRequest, AgentUpload, AgentView, ArtifactView, AuditView, BrokerView,
    CollectionBrief, CollectionView, CurveView, DeadView, Doctor, EnrolAgents, EnrolledAgents,
    ErrorBody, Facets, Finding, FleetCurve, FleetPoint, FleetView, Health, HuntBrief, HuntCosts,
    HuntErrors, HuntFile, HuntTimeline, HuntView, HuntWhy, Launched, ListPiece, Overview,
    PreviewTarget, ProfileBrief, ProfileView, QuarantineAgent, Rebuilt, RequestView, RowView,
    RowsPage, Search, SymbolsView, TargetPreview, TelemetryView, WhoHas,
};

/// What an answer is.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// One object of this schema.
    One(&'static str),
    /// An array of them.
    List(&'static str),
    /// A page of them: see [`super::Page`].
    Page(&'static str),
    /// The same, and beside it, where that is asked for, a property of a schema.
    PageWith(&'static str, (&'static str, &'static str)),
    /// One of them a line.
    Lines(&'static str),
    /// Server-sent events whose data is this schema.
    Events(&'static str),
    /// Something else, of this media type.
    Other(&'static str),
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
enum Body {
    /// An object of this schema.
    Json(&'static str),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// One endpoint.
struct Endpoint {
    method: HttpMethod,
    path: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    body: Option<Body>,
    answer: Answer,
}

const fn get(path: &'static str, summary: &'static str, answer: Answer) -> Endpoint {
    Endpoint { method: HttpMethod::Get, path, summary, query: &[], body: None, answer }
}

const fn post(
    path: &'static str,
    summary: &'static str,
    body: Option<Body>,
    answer: Answer,
) -> Endpoint {
    Endpoint { method: HttpMethod::Post, path, summary, query: &[], body, answer }
}

/// What a list that comes in pages is asked with.
const PAGING: &[(&str, &str); 2] = &[
    ("cursor", "`next` of the page before, as it is; the first page when not given."),
    ("limit", "Items that the page has at most: 1 to 500; 100 when not given."),
];

/// Puts the filter of rows behind parameters of an endpoint's own.
macro_rules! row_filter {
    ($($own:expr,)*) => {
        &[
            $($own,)*
            ("agent", "Only of this agent; may be repeated. Every filter that is given holds."),
            ("status", "One of these words, by commas: denied,io_error."),
            ("errno", "One of these error numbers or names, by commas: 13,EIO."),
            ("match", "yes: a digest is in the list of hashes of the hunt; no: none is."),
            ("uploaded", "yes: the content of the file was sent; no: it was not."),
            ("path", "A pattern, as hunts have them: against the name, with a / the path below the root, with one in front the whole path."),
            ("path_b64", "The very path, in base64."),
            ("hash", "A digest begins with these hexadecimal digits: 8 at least."),
            ("kind", "One of these words, by commas: file,symlink."),
            ("min_size", "At least so many bytes."),
            ("max_size", "At most so many bytes."),
            ("newer", "Content changed at this time or later: how long ago (7d) or RFC 3339."),
            ("older", "Content changed before this time."),
            ("changed_newer", "Inode changed at this time or later."),
            ("uid", "One of these owners, by number, by commas."),
            ("gid", "One of these groups, by number, by commas."),
            ("mode", "Mode bits, octal: 4000 all of them set, /6000 one of them, =0755 exactly."),
        ]
    };
}

/// What the stream of rows is asked with.
const RESULTS: &[(&str, &str)] = row_filter![
    ("limit", "No more than so many rows."),
    ("follow", "true: goes on as rows are stored, until the hunt is done."),
    ("format", "jsonl, or csv; jsonl when not given."),
];

/// What a part of the rows is asked with.
const ROWS: &[(&str, &str)] = row_filter![
    ("cursor", "`next` of the answer before, as it is; the beginning when not given."),
    ("limit", "Rows of the answer at most: 1 to 500; 100 when not given."),
    (
        "sort",
        "walk (by agent, then as it met them), size, mtime, ctime, started, cpu_ms, rss_bytes; with - before it the greatest first."
    ),
];

/// What the audit log is asked with.
const AUDIT: &[(&str, &str)] = &[
    ("cursor", "`next` of the page before, as it is; the first page when not given."),
    ("limit", "Items that the page has at most: 1 to 500; 100 when not given."),
    ("since", "At this time or later: how long ago (7d) or RFC 3339."),
    ("until", "Before this time."),
    ("token", "With the token of this name."),
    ("operator", "Signed by this operator."),
    ("action", "This was done: request, enrol, revoke, …"),
    ("subject", "To what begins so: the beginning of an id."),
    ("q", "A text in any of the words, letters of either case."),
];

const fn list(path: &'static str, summary: &'static str, of: &'static str) -> Endpoint {
    Endpoint { query: PAGING, ..get(path, summary, Answer::Page(of)) }
}

/// What the list of agents is asked with.
const AGENTS: &[(&str, &str)] = &[
    ("target", "A target expression: only agents that match it."),
    ("q", "A text that the id, the name, the host or a label (`key=value`) holds, in any case."),
    ("state", "Only these states, by commas: new, live, silent, quarantined, revoked."),
    (
        "sort",
        "id, host, last_seen, cpu, rss, outbox or version; with - before it the greatest first. The id breaks ties.",
    ),
    ("facets", "1: also count the agents that are left by state, os, version and label."),
    PAGING[0],
    PAGING[1],
];

const SEALED: Body = Body::Bytes("application/msgpack");

const ENDPOINTS: &[Endpoint] = &[
    get("/healthz", "Whether the coordinator works; needs no token.", Answer::One("Health")),
    get("/metrics", "What Prometheus scrapes; any token does.", Answer::Other("text/plain")),
    get("/api/v1/openapi.json", "This document.", Answer::Other("application/json")),
    get("/api/v1/fleet", "The fleet in figures.", Answer::One("FleetView")),
    Endpoint {
        query: AGENTS,
        ..get(
            "/api/v1/agents",
            "Agents, filtered and sorted. The page also has `facets`, where they are asked for.",
            Answer::PageWith("AgentBrief", ("facets", "Facets")),
        )
    },
    post(
        "/api/v1/agents",
        "Enrols agents; the answer holds their broker passwords.",
        Some(Body::Json("EnrolAgents")),
        Answer::One("EnrolledAgents"),
    ),
    get("/api/v1/agents/{id}", "One agent.", Answer::One("AgentView")),
    Endpoint {
        query: &[
            ("kind", "hunt, profile: only these, by commas."),
            (
                "state",
                "Only where the agent's part is in these states, by commas: silent, seen, queued, running, paused, finishing, finished, failed, cancelled, declined, expired, incomplete.",
            ),
            PAGING[0],
            PAGING[1],
        ],
        ..get(
            "/api/v1/agents/{id}/requests",
            "The hunts and profiles that an agent was expected for or has answered, the latest first.",
            Answer::Page("AgentRequest"),
        )
    },
    list(
        "/api/v1/agents/{id}/uploads",
        "The files and profiles that an agent has sent, those of the latest request first.",
        "AgentUpload",
    ),
    post(
        "/api/v1/agents/{id}/revoke",
        "Takes an agent's rights back and closes its connections.",
        None,
        Answer::One("AgentView"),
    ),
    post(
        "/api/v1/agents/{id}/quarantine",
        "Shuts an agent out of the broker until it is released; what it had sent is set aside.",
        Some(Body::Json("QuarantineAgent")),
        Answer::One("AgentView"),
    ),
    post(
        "/api/v1/agents/{id}/release",
        "Lifts an agent's quarantine; what was set aside is taken back.",
        None,
        Answer::One("AgentView"),
    ),
    post(
        "/api/v1/targets/preview",
        "Which agents a target means now. It changes nothing; with a sample, another request may take other agents.",
        Some(Body::Json("PreviewTarget")),
        Answer::One("TargetPreview"),
    ),
    post(
        "/api/v1/requests",
        "Launches a signed request: what `muster hunt seal` writes.",
        Some(SEALED),
        Answer::One("Launched"),
    ),
    post(
        "/api/v1/lists",
        "Keeps a piece of the whole digests of a long list of hashes, for a hunt that names it.",
        Some(SEALED),
        Answer::One("ListPiece"),
    ),
    get(
        "/api/v1/artifacts",
        "What a hunt can collect, with the columns of its rows.",
        Answer::List("ArtifactView"),
    ),
    get(
        "/api/v1/requests/{id}",
        "A request as it was signed: every field, and the command that makes the same.",
        Answer::One("RequestView"),
    ),
    get(
        "/api/v1/requests/{id}/sealed",
        "The signed bytes, as `muster hunt seal` writes them.",
        Answer::Other("application/msgpack"),
    ),
    Endpoint {
        query: &[
            ("state", "Some of running, paused, open, closed, cancelled, joined by commas."),
            ("operator", "Signed by this operator."),
            (
                "q",
                "The beginning of an id, or a part of name, case, note, target, first root or operator.",
            ),
            ("name", "A part of the name, letters of either case."),
            ("case", "A part of the case's id, letters of either case."),
            ("since", "Signed since: how long ago (`7d`) or RFC 3339."),
            ("until", "Signed before, in the same forms."),
            (
                "sort",
                "issued, targeted, rows, matched, errors, bytes or cpu_ms, with - before it for the greatest first; -issued when not given.",
            ),
            PAGING[0],
            PAGING[1],
        ],
        ..list("/api/v1/hunts", "Hunts, in one line each.", "HuntBrief")
    },
    get("/api/v1/hunts/{id}", "One hunt.", Answer::One("HuntView")),
    Endpoint {
        query: &[
            ("state", "Some of the twelve states, joined by commas."),
            ("code", "Some codes, joined by commas."),
            ("q", "A part of the agent's id or host."),
            (
                "applied",
                "1: agents that have applied the newest pause, drain or resume; 0: agents that have not.",
            ),
            (
                "sort",
                "agent, host, state, rows, matched, errors, seen, cpu_ms, bytes_read, throttled_ms, started, ended, age_ms, silent_s or attempts, with - before it for the greatest first; agent when not given.",
            ),
            ("detail", "1: every item is a CollectionView, with every figure."),
            PAGING[0],
            PAGING[1],
        ],
        ..list(
            "/api/v1/hunts/{id}/agents",
            "What became of a hunt on each agent.",
            "CollectionBrief",
        )
    },
    get(
        "/api/v1/hunts/{id}/agents/{agent}",
        "What became of a hunt on one agent (its whole id), with every attempt.",
        Answer::One("CollectionView"),
    ),
    get(
        "/api/v1/hunts/{id}/costs",
        "What a hunt cost, and on which agents most.",
        Answer::One("HuntCosts"),
    ),
    get(
        "/api/v1/hunts/{id}/why",
        "Why a hunt is where it is: what it waits for, what went wrong, and what would change it, in sentences.",
        Answer::One("HuntWhy"),
    ),
    get(
        "/api/v1/hunts/{id}/timeline",
        "How a hunt went, by the coordinator's clock.",
        Answer::One("HuntTimeline"),
    ),
    Endpoint {
        query: RESULTS,
        ..get(
            "/api/v1/hunts/{id}/results",
            "The rows of a hunt that the filter leaves, all of them. A filter may name any column of the artifact: pid, exe_state, comm, ….",
            Answer::Lines("RowView"),
        )
    },
    Endpoint {
        query: ROWS,
        ..get(
            "/api/v1/hunts/{id}/rows",
            "A part of the rows of a hunt that the filter leaves, found within 150 ms: it says how far it looked, and goes on at next.",
            Answer::One("RowsPage"),
        )
    },
    list(
        "/api/v1/hunts/{id}/files",
        "The files that matched and whose content was sent.",
        "HuntFile",
    ),
    get(
        "/api/v1/hunts/{id}/errors",
        "What a hunt could not read, by status and errno. An answer that is not complete has what was found so far; ask again.",
        Answer::One("HuntErrors"),
    ),
    Endpoint {
        query: &[(
            "format",
            "raw, or zip: an archive of type application/zip with the password `infected`, in which the file is called by its digest; raw when not given.",
        )],
        ..get(
            "/api/v1/hunts/{id}/files/{sha256}",
            "The content of one of them, as an attachment: whatever an endpoint says it is, treat it as harmful.",
            Answer::Other("application/octet-stream"),
        )
    },
    get(
        "/api/v1/hunts/{id}/events",
        "The hunt as it is, and again when it has changed, at most once a second: `progress`, and `done` at the end.",
        Answer::Events("HuntView"),
    ),
    Endpoint {
        query: &[
            ("agent", "Of this agent, by id or its unique beginning; or `coordinator`."),
            ("hunt", "While this hunt ran, or taken of it by agents themselves."),
            ("kind", "With some of these kinds, joined by commas."),
            ("operator", "Signed by this operator."),
            ("since", "Signed since: how long ago (`7d`) or RFC 3339."),
            ("sort", "issued or -issued; -issued when not given."),
            PAGING[0],
            PAGING[1],
        ],
        ..list("/api/v1/profiles", "Requests for profiles, in one line each.", "ProfileBrief")
    },
    get("/api/v1/profiles/{id}", "One request for profiles.", Answer::One("ProfileView")),
    Endpoint {
        query: &[
            (
                "kind",
                "Which kind: cpu, wall, …; cpu when not given, else the first that was asked for.",
            ),
            (
                "value",
                "Which value of the samples: cpu, samples, inuse_space; the usual one when not given.",
            ),
            ("by", "What top adds up: function, frame, line, file, module, thread, hunt, agent."),
            ("depth", "How many levels of a tree."),
            ("min_percent", "The smallest part of a tree that is shown."),
            (
                "all_frames",
                "true: top, tree, diff and flame.svg show the frames of Rust's own library and of the async runtime, too.",
            ),
        ],
        ..get(
            "/api/v1/profiles/{id}/{agent}/{view}",
            "An agent's profile (`-` for the first): raw, pprof, top, tree, lines, folded, callgrind, speedscope, flame.svg or flame.json (what the SVG file is drawn from).",
            Answer::Other("application/octet-stream"),
        )
    },
    Endpoint {
        query: &[
            ("of", "Profiles, each ID or ID/AGENT, by commas; all that fit when not given."),
            (
                "before",
                "What to compare with, in the same form: for diff, flame.svg and flame.json.",
            ),
            ("hunt", "Only what was done for this hunt."),
            ("hunt_before", "Likewise of what it was before; without it, for the same hunt."),
            ("target", "Only of agents that match this expression."),
            ("since_s", "Only profiles of the last so many seconds."),
            ("kind", "Which kind; cpu when not given."),
            ("value", "Which value of the samples."),
            ("by", "What top adds up."),
            ("depth", "How many levels of a tree."),
            ("min_percent", "The smallest part of a tree that is shown."),
            (
                "all_frames",
                "true: top, tree, diff and flame.svg show the frames of Rust's own library and of the async runtime, too.",
            ),
        ],
        ..get(
            "/api/v1/profile-views/{view}",
            "A view of many profiles as one, or of what changed: pprof, top, tree, lines, folded, callgrind, speedscope, flame.svg, flame.json or diff.",
            Answer::Other("application/octet-stream"),
        )
    },
    get(
        "/api/v1/symbols",
        "The programs and debug companions that were added.",
        Answer::List("SymbolsView"),
    ),
    post(
        "/api/v1/symbols",
        "Adds a program or its debug companion, at most 2 GiB: profiles get their names from it.",
        Some(Body::Bytes("application/octet-stream")),
        Answer::One("SymbolsView"),
    ),
    Endpoint {
        query: &[
            ("agent", "Only this agent's; its id may be cut. `coordinator` is the coordinator."),
            (
                "sort",
                "agent, cpu, rss, read, written or outbox; with - before it the greatest first. Sorted by cost, silent agents come last.",
            ),
            ("fleet", "1: also what the agents that are live cost together, by quantiles."),
            PAGING[0],
            PAGING[1],
        ],
        ..get(
            "/api/v1/telemetry",
            "The latest sample of each agent, and the coordinator's own.",
            Answer::PageWith("TelemetryView", ("fleet", "FleetPoint")),
        )
    },
    Endpoint {
        query: &[
            ("since", "From when: how long ago (`1h`, when not given) or RFC 3339."),
            ("until", "Until when, in the same forms; now when not given."),
        ],
        ..get(
            "/api/v1/telemetry/fleet",
            "What the agents cost over a span of time, by quantiles: at most 600 points. Where a point stands for several minutes or hours, each of its figures is their greatest.",
            Answer::One("FleetCurve"),
        )
    },
    Endpoint {
        query: &[
            ("since", "From when: how long ago (`15m`, when not given) or RFC 3339."),
            ("until", "Until when, in the same forms; now when not given."),
        ],
        ..get(
            "/api/v1/telemetry/{agent}",
            "What an agent cost over a span of time, as finely as it is kept, and what ran meanwhile.",
            Answer::One("CurveView"),
        )
    },
    Endpoint {
        query: &[("hash", "A digest in hexadecimal; may be repeated.")],
        ..get("/api/v1/who-has", "Which agents hold a file, or run it.", Answer::One("WhoHas"))
    },
    get("/api/v1/doctor", "What is wrong, and what to do.", Answer::One("Doctor")),
    post(
        "/api/v1/doctor/rebuild",
        "Makes the read models of every hunt and profile again, and counts what differed.",
        None,
        Answer::One("Rebuilt"),
    ),
    Endpoint {
        query: AUDIT,
        ..list("/api/v1/audit", "What operators did, the latest first.", "AuditView")
    },
    get(
        "/api/v1/broker",
        "The broker: its version, its shared queues, and which agents' own queues are not empty. It is asked at most every 5 s.",
        Answer::One("BrokerView"),
    ),
    list("/api/v1/dead", "What was set aside, by class and reason.", "DeadView"),
    get(
        "/api/v1/overview",
        "Everything in one document, made at most once a second.",
        Answer::One("Overview"),
    ),
    Endpoint {
        query: &[(
            "topic",
            "What to follow, at most 16, each in a parameter of its own: overview, agents, agent:ID, hunt:ID, hunt-agents:ID, profiles.",
        )],
        ..get(
            "/api/v1/events",
            "Changes of some topics, of each at most one a second. Last-Event-ID goes on behind an event; `resync` says of which topic to ask again.",
            Answer::Other("text/event-stream"),
        )
    },
    Endpoint {
        query: &[(
            "q",
            "The beginning of an id, or a text in a name, host, label, target or root; a digest.",
        )],
        ..get("/api/v1/search", "Agents, hunts and profiles: at most 20.", Answer::One("Search"))
    },
];

/// Collects the types.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(
    AgentBrief,
    AgentRequest,
    AgentUpload,
    AgentView,
    ArtifactView,
    AuditView,
    BrokerView,
    CollectionBrief,
    CollectionView,
    CurveView,
    DeadView,
    Doctor,
    EnrolAgents,
    EnrolledAgents,
    ErrorBody,
    Facets,
    FleetCurve,
    FleetPoint,
    FleetView,
    Health,
    HuntBrief,
    HuntCosts,
    HuntWhy,
    Finding,
    HuntErrors,
    HuntFile,
    HuntTimeline,
    HuntView,
    Launched,
    ListPiece,
    Overview,
    PreviewTarget,
    ProfileBrief,
    ProfileView,
    QuarantineAgent,
    Rebuilt,
    RequestView,
    RowView,
    RowsPage,
    Search,
    SymbolsView,
    TargetPreview,
    TelemetryView,
    WhoHas
)))]
struct Types;

/// Makes the document.
pub(super) fn document() -> OpenApi {
    let mut document = Types::openapi();
    document.info = InfoBuilder::new()
        .title("Muster")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What `muster` asks the coordinator. Ids accept any prefix that is unique.",
        ))
        .build();
    for endpoint in ENDPOINTS {
        let method = endpoint.method.clone();
        document.paths.add_path_operation(endpoint.path, vec![method], operation(endpoint));
    }
    if let Some(components) = &mut document.components {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
    document
}

fn operation(endpoint: &Endpoint) -> Operation {
    let mut operation = OperationBuilder::new()
        .summary(Some(endpoint.summary))
        .response("200", response(endpoint.summary, endpoint.answer))
        .response("default", response("What failed, why, what to do.", Answer::One("ErrorBody")));
    for name in endpoint.path.split('/').filter_map(in_braces) {
        operation =
            operation.parameter(parameter(name, ParameterIn::Path, "An id, or its beginning."));
    }
    for (name, what) in endpoint.query {
        operation = operation.parameter(parameter(name, ParameterIn::Query, what));
    }
    if let Some(body) = endpoint.body {
        operation = operation.request_body(Some(request_body(body)));
    }
    if endpoint.path != "/healthz" {
        operation = operation.security(SecurityRequirement::new("token", [""; 0]));
    }
    operation.build()
}

fn in_braces(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn parameter(name: &str, place: ParameterIn, what: &str) -> ParameterBuilder {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(what))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
}

fn request_body(body: Body) -> RequestBody {
    let (media, content) = match body {
        Body::Json(schema) => {
            ("application/json", ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))))
        }
        Body::Bytes(media) => (media, ContentBuilder::new()),
    };
    RequestBodyBuilder::new().content(media, content.build()).required(Some(Required::True)).build()
}

fn response(what: &str, answer: Answer) -> Response {
    let of = |schema| Ref::from_schema_name(schema);
    let content = ContentBuilder::new();
    let (media, content) = match answer {
        Answer::One(schema) => ("application/json", content.schema(Some(of(schema)))),
        Answer::List(schema) => {
            ("application/json", content.schema(Some(of(schema).to_array_builder())))
        }
        Answer::Page(schema) => ("application/json", content.schema(Some(page(schema).build()))),
        Answer::PageWith(schema, (name, beside)) => {
            let page = page(schema).property(name, of(beside)).build();
            ("application/json", content.schema(Some(page)))
        }
        Answer::Lines(schema) => ("application/jsonl", content.schema(Some(of(schema)))),
        Answer::Events(schema) => ("text/event-stream", content.schema(Some(of(schema)))),
        Answer::Other(media) => (media, content),
    };
    ResponseBuilder::new().description(what).content(media, content.build()).build()
}

/// Returns the schema of a page.
fn page(of: &str) -> ObjectBuilder {
    let text = |what: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(what));
    let next = text("Where the next page begins; null on the last one.");
    let next = next.schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let total = ObjectBuilder::new().schema_type(Type::Integer);
    let as_of =
        text("When it was read.").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    ObjectBuilder::new()
        .property("items", Ref::from_schema_name(of).to_array_builder())
        .property("next", next)
        .property("total", total.description(Some("How many the whole list has.")))
        .property("as_of", as_of)
        .required("items")
        .required("total")
        .required("as_of")
}

#[cfg(test)]
mod tests;
