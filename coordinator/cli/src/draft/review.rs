//! What is signed, decoded again from its own bytes as an agent does: never from the form, never from what the coordinator
//! says.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_api::Time;
use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::artifact::file_hash::{self, FILE_HASH};
use muster_protocol::artifact::ioc::{IocList, SplitIocList};
use muster_protocol::artifact::processes::{PROCESSES, Processes};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::profile::ProfileStart;
use muster_protocol::request::sign::Refusal;
use muster_protocol::request::{Args, Body, Control, Limits, Verb};
use muster_protocol::result::rows::sha256;
use muster_protocol::wire::{self, WireError};
use muster_protocol::{hex, limits};
use serde::Serialize;
use serde_bytes::ByteBuf;

use super::Prepared;
use crate::failure::Failure;
use crate::keys::Signer;
use crate::output::escape;
use crate::sign;

/// Everything that one signature of the operator's lets loose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Review {
    /// Who signs.
    pub(crate) operator: OperatorView,
    /// The requests, in their order.
    pub(crate) requests: Vec<RequestReview>,
    /// What each agent receives.
    pub(crate) bytes: u64,
    /// Whole digests of a long list, for the coordinator alone.
    pub(crate) whole_bytes: u64,
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct OperatorView {
    /// The name in the certificate.
    pub(crate) name: String,
    /// The id of the key.
    pub(crate) key: String,
    /// The fleet.
    pub(crate) fleet: String,
    /// What the certificate grants.
    pub(crate) capabilities: Vec<String>,
    /// When it ends.
    pub(crate) certificate_until: Time,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RequestReview {
    /// Its id.
    pub(crate) id: String,
    /// `hunt.start`, `list.part`, …
    pub(crate) kind: String,
    /// Size of the body.
    pub(crate) bytes: u64,
    /// SHA-256 of the body.
    pub(crate) sha256: String,
    /// The key that signs.
    pub(crate) key: String,
    /// The fleet.
    pub(crate) fleet: String,
    /// From when it counts.
    pub(crate) issued: Time,
    /// Until when agents may begin.
    pub(crate) expires: Time,
    /// Which agents.
    pub(crate) target: TargetReview,
    /// Bounds on each agent's work.
    pub(crate) limits: Limits,
    /// Of a hunt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hunt: Option<HuntReview>,
    /// Of a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<ProfileReview>,
    /// Of a control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<ControlReview>,
    /// Of a part of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) list_part: Option<ListReview>,
    /// Of a revocation: the keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revoke: Option<Vec<String>>,
}

/// Which agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TargetReview {
    /// The expression.
    pub(crate) expr: String,
    /// How many of a million of those that match.
    pub(crate) sample_ppm: Option<u32>,
    /// The agents, where it names nothing else.
    pub(crate) agents: Vec<String>,
}

/// The arguments of a hunt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HuntReview {
    /// The artifact.
    pub(crate) artifact: String,
    /// The version that its rows come in.
    pub(crate) schema: u32,
    /// Where it begins.
    pub(crate) roots: Vec<PathReview>,
    /// The digests that it computes.
    pub(crate) hashes: Vec<String>,
    /// Each condition, named like its flag.
    pub(crate) filters: Vec<FilterReview>,
    /// The list of hashes.
    pub(crate) list: Option<WholeListReview>,
    /// What is sent of the files that match.
    pub(crate) upload: Option<UploadReview>,
    /// Agents begin at a moment of their own within so many seconds.
    pub(crate) spread_s: u32,
    /// Seconds between progress statuses; 0 for none.
    pub(crate) progress_s: u32,
    /// Seconds without progress after which an agent profiles itself; 0 for never.
    pub(crate) on_stall_s: u32,
}

/// A path: as it can be shown, and exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PathReview {
    /// Escaped.
    pub(crate) text: String,
    /// The bytes, where the text had to be escaped.
    pub(crate) base64: Option<String>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FilterReview {
    /// The name of its flag.
    pub(crate) name: String,
    /// What it was resolved to.
    pub(crate) value: String,
}

/// A list of hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WholeListReview {
    /// How many there are.
    pub(crate) count: u64,
    /// The same by kind, where the hunt itself carries them.
    pub(crate) kinds: Vec<ListReview>,
    /// How many parts travel before the hunt.
    pub(crate) parts: usize,
    /// How many pieces of whole digests the coordinator keeps.
    pub(crate) pieces: usize,
}

/// Hashes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ListReview {
    /// The kind.
    pub(crate) kind: String,
    /// How many.
    pub(crate) count: usize,
    /// Bytes of each that are compared.
    pub(crate) width: usize,
}

/// Bounds on what is sent of the files that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UploadReview {
    /// Size of one file.
    pub(crate) max_file_bytes: u64,
    /// Size of all of one agent.
    pub(crate) max_bytes: u64,
}

/// The arguments of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ProfileReview {
    /// What is taken.
    pub(crate) kinds: Vec<String>,
    /// Length of the window.
    pub(crate) seconds: u32,
    /// Samples a second.
    pub(crate) hertz: u32,
    /// The hunt that it is taken of.
    #[serde(rename = "while")]
    pub(crate) during: Option<String>,
}

/// The arguments of a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ControlReview {
    /// What is to become of the request.
    pub(crate) verb: String,
    /// Which request.
    pub(crate) about: String,
    /// Its revision.
    pub(crate) revision: u64,
    /// What it does, for people; of a verb that is not known nothing.
    pub(crate) meaning: &'static str,
    /// Bytes of arguments of its own.
    pub(crate) args_bytes: usize,
}

impl From<&Signer> for OperatorView {
    fn from(signer: &Signer) -> Self {
        let Signer { fleet, key, grant } = signer;
        Self {
            name: grant.name.clone(),
            key: key.to_string(),
            fleet: fleet.to_string(),
            capabilities: grant.capabilities.clone(),
            certificate_until: grant.not_after.into(),
        }
    }
}

impl Review {
    /// Decodes what was prepared.
    pub(crate) fn of(prepared: &Prepared) -> Result<Self, Failure> {
        let request = |unsigned: &muster_protocol::request::sign::Unsigned| {
            let (body, args) = unsigned.decoded()?;
            let reviewed = RequestReview::of(unsigned.bytes(), &body, &args);
            reviewed.map_err(|error| Refusal::Malformed(error.to_string()))
        };
        let requests: Result<_, Refusal> = prepared.requests.iter().map(request).collect();
        Ok(Self {
            operator: OperatorView::from(&prepared.signer),
            requests: requests.map_err(sign::refused)?,
            bytes: prepared.bytes(),
            whole_bytes: prepared.whole_bytes(),
        })
    }
}

impl RequestReview {
    /// Shows a body, with the bytes that it was decoded from. Every field is taken by name: a new one does not compile
    /// until it has its place here.
    pub(crate) fn of(bytes: &[u8], body: &Body, args: &Args) -> Result<Self, WireError> {
        let Body { kind, id, key, fleet, issued, not_after, target, limits, args: _ } = body;
        let agents = target.directed().unwrap_or_default();
        let mut review = Self {
            id: id.to_string(),
            kind: kind.as_str().to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex::encode(&sha256(bytes)),
            key: key.to_string(),
            fleet: fleet.to_string(),
            issued: (*issued).into(),
            expires: (*not_after).into(),
            target: TargetReview {
                expr: target.expr.clone(),
                sample_ppm: target.sample_ppm,
                agents: agents.iter().map(ToString::to_string).collect(),
            },
            limits: limits.clone(),
            hunt: None,
            profile: None,
            control: None,
            list_part: None,
            revoke: None,
        };
        match args {
            Args::HuntStart(start) => review.hunt = Some(HuntReview::of(start)?),
            Args::ListPart(list) => review.list_part = Some(list_of(list)),
            Args::ProfileStart(start) => review.profile = Some(profile_of(start)),
            Args::Control(control) => review.control = Some(control_of(control)),
            Args::TrustRevoke(revoke) => {
                review.revoke = Some(revoke.keys.iter().map(ToString::to_string).collect());
            }
        }
        Ok(review)
    }
}

impl HuntReview {
    fn of(start: &HuntStart) -> Result<Self, WireError> {
        let HuntStart { revision: _, artifact, schema, args, spread_s, progress_s, on_stall_s } =
            start;
        let mut review = Self {
            artifact: artifact.clone(),
            schema: *schema,
            roots: Vec::new(),
            hashes: Vec::new(),
            filters: Vec::new(),
            list: None,
            upload: None,
            spread_s: *spread_s,
            progress_s: *progress_s,
            on_stall_s: *on_stall_s,
        };
        match artifact.as_str() {
            FILE_HASH => review.files(start.file_hash()?),
            PROCESSES => review.processes(wire::decode(args, limits::REQUEST_BYTES_MAX)?),
            other => {
                let name: String = other.chars().take(40).collect();
                return Err(WireError::Malformed(format!("an artifact {name:?}")));
            }
        }
        Ok(review)
    }

    fn files(&mut self, args: file_hash::Args) {
        let file_hash::Args {
            roots,
            include,
            exclude,
            max_depth,
            min_size,
            max_size,
            hashes,
            one_file_system,
            all_file_systems,
            ioc,
            list,
            upload,
            select,
            follow,
            fresh,
            ignore_case,
        } = args;
        self.roots = roots.iter().map(path).collect();
        self.hashes = hashes.iter().map(|kind| kind.as_str().to_owned()).collect();
        self.list = whole_list(&ioc, &list);
        self.upload = upload.map(|upload| {
            let file_hash::Upload { max_file_bytes, max_bytes } = *upload;
            UploadReview { max_file_bytes, max_bytes }
        });
        for pattern in &include {
            self.filter("include", pattern);
        }
        for pattern in &exclude {
            self.filter("exclude", pattern);
        }
        self.switch("ignore-case", ignore_case);
        self.number("max-depth", max_depth);
        self.number("min-size", min_size);
        self.number("max-size", max_size);
        self.switch("one-file-system", one_file_system);
        self.switch("follow", follow);
        self.switch("fresh", fresh);
        self.filter("fs", if all_file_systems { "all" } else { "local" });
        let Select { kinds, mtime, ctime, btime, owners, groups, mode } = *select;
        for kind in &kinds {
            self.filter("kind", kind.as_str());
        }
        self.window(("newer", "older"), mtime);
        self.window(("changed-newer", "changed-older"), ctime);
        self.window(("born-newer", "born-older"), btime);
        for owner in &owners {
            self.filter("owner", owner);
        }
        for group in &groups {
            self.filter("group", group);
        }
        let ModeBits { any, all, exactly } = mode;
        if any != 0 {
            self.filter("mode", &format!("/{any:04o}"));
        }
        if all != 0 {
            self.filter("mode", &format!("{all:04o}"));
        }
        if let Some(bits) = exactly {
            self.filter("mode", &format!("={bits:04o}"));
        }
    }

    fn processes(&mut self, args: Processes) {
        let Processes { hashes, ioc, list, fresh } = args;
        self.hashes = hashes.iter().map(|kind| kind.as_str().to_owned()).collect();
        self.list = whole_list(&ioc, &list);
        self.switch("fresh", fresh);
    }

    fn filter(&mut self, name: &str, value: &str) {
        self.filters.push(FilterReview { name: name.to_owned(), value: value.to_owned() });
    }

    fn switch(&mut self, name: &str, is_on: bool) {
        if is_on {
            self.filter(name, "yes");
        }
    }

    fn number(&mut self, name: &str, number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            self.filter(name, &number.into().to_string());
        }
    }

    fn window(&mut self, (newer, older): (&str, &str), window: Window) {
        let Window { from_ns, until_ns } = window;
        for (name, ns) in [(newer, from_ns), (older, until_ns)] {
            if let Some(ns) = ns {
                let time = jiff::Timestamp::from_nanosecond(ns);
                let text =
                    time.map_or_else(|_| format!("{ns} ns since 1970"), |time| time.to_string());
                self.filter(name, &text);
            }
        }
    }
}

fn path(bytes: &ByteBuf) -> PathReview {
    let text = escape::bytes(bytes);
    let is_plain = text.as_bytes() == bytes.as_slice();
    PathReview { base64: (!is_plain).then(|| STANDARD.encode(bytes)), text }
}

fn list_of(list: &IocList) -> ListReview {
    let IocList { kind, width: _, digests: _ } = list;
    ListReview { kind: kind.as_str().to_owned(), count: list.count(), width: list.width() }
}

fn whole_list(ioc: &[IocList], split: &SplitIocList) -> Option<WholeListReview> {
    let SplitIocList { count, parts, whole } = split;
    if ioc.is_empty() && split.is_none() {
        return None;
    }
    let carried: u64 = ioc.iter().map(|list| list.count() as u64).sum();
    Some(WholeListReview {
        count: carried.saturating_add(*count),
        kinds: ioc.iter().map(list_of).collect(),
        parts: parts.len(),
        pieces: whole.len(),
    })
}

fn profile_of(start: &ProfileStart) -> ProfileReview {
    let ProfileStart { revision: _, kinds, seconds, during, hertz } = start;
    ProfileReview {
        kinds: kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
        seconds: *seconds,
        hertz: *hertz,
        during: during.map(|hunt| hunt.to_string()),
    }
}

fn control_of(control: &Control) -> ControlReview {
    let Control { about, verb, revision, args } = control;
    let args_bytes = args.as_ref().map_or(0, |args| args.len());
    ControlReview {
        verb: verb.clone(),
        about: about.to_string(),
        revision: *revision,
        meaning: control.known().map(meaning).unwrap_or_default(),
        args_bytes,
    }
}

/// Returns what a control does.
const fn meaning(verb: Verb) -> &'static str {
    match verb {
        Verb::Pause => {
            "Every agent stops where it is and keeps its place; a resume lets it go on. Agents that are away apply it when they are back."
        }
        Verb::Drain => {
            "What has begun comes to its end; agents that have not begun wait for a resume."
        }
        Verb::Resume => "What was paused goes on from its place, and what was held may begin.",
        Verb::Cancel => "Every agent ends its part; what was collected stays. A cancel is final.",
    }
}
