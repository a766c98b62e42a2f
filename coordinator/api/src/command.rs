//! The command line that makes the same request, from what was signed. Pure: the API and the command line show the same text.

use std::fmt::Display;

use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::artifact::file_hash::{self, FILE_HASH};
use muster_protocol::artifact::processes::{PROCESSES, Processes};
use muster_protocol::artifact::{HashKind, ioc::IocList};
use muster_protocol::clock::Nanoseconds;
use muster_protocol::limits::{PROFILE_SECONDS_MAX, REQUEST_BYTES_MAX};
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::profile::ProfileStart;
use muster_protocol::request::trust::Revoke;
use muster_protocol::request::{Body, Control, Kind, Limits};
use muster_protocol::wire;

const DAY_MS: i64 = 86_400_000;
/// How long a hunt and a profile may be begun where nothing is said.
const HUNT_VALID_MS: i64 = DAY_MS;
const PROFILE_VALID_MS: i64 = 600_000;

/// Returns the command that makes the same as a signed request. `about`: of a control, the kind of the request that it is about.
/// `None` where no command makes such a request, or where it cannot be read. A list of hashes is named `HASHES`: the command line reads
/// it from a file.
pub fn command(body: &Body, about: Option<Kind>) -> Option<String> {
    let args = &body.args;
    match body.kind {
        Kind::HuntStart => hunt(body, &wire::decode(args, REQUEST_BYTES_MAX).ok()?),
        Kind::ProfileStart => Some(profile(body, &wire::decode(args, REQUEST_BYTES_MAX).ok()?)),
        Kind::Control => {
            let control: Control = wire::decode(args, REQUEST_BYTES_MAX).ok()?;
            let noun = if about? == Kind::ProfileStart { "profile" } else { "hunt" };
            Some(format!("muster {noun} {} {}", control.verb, control.about))
        }
        Kind::TrustRevoke => {
            let revoke: Revoke = wire::decode(args, REQUEST_BYTES_MAX).ok()?;
            let keys = revoke.keys.iter().map(|key| format!(" {key}"));
            Some(format!("muster trust revoke{}", keys.collect::<String>()))
        }
        Kind::ListPart => None,
    }
}

/// A command line that grows.
struct Line(String);

impl Line {
    fn flag(&mut self, flag: &str, is_on: bool) {
        if is_on {
            self.0.extend([" ", flag]);
        }
    }

    fn with(&mut self, flag: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.bytes(flag, value.to_string().as_bytes());
        }
    }

    fn bytes(&mut self, flag: &str, value: &[u8]) {
        // What looks like a flag is joined to its own.
        let sign = if value.starts_with(b"-") { "=" } else { " " };
        self.0.extend([" ", flag, sign, &quoted(value)]);
    }

    fn each(&mut self, flag: &str, values: impl IntoIterator<Item: AsRef<[u8]>>) {
        values.into_iter().for_each(|value| self.bytes(flag, value.as_ref()));
    }

    fn joined(&mut self, flag: &str, values: &[String]) {
        if !values.is_empty() {
            self.bytes(flag, values.join(",").as_bytes());
        }
    }
}

fn hunt(body: &Body, start: &HuntStart) -> Option<String> {
    let mut line = Line("muster hunt run".to_owned());
    target(&mut line, body);
    match start.artifact.as_str() {
        FILE_HASH => files(&mut line, &start.file_hash().ok()?),
        PROCESSES => {
            let args: Processes = wire::decode(&start.args, REQUEST_BYTES_MAX).ok()?;
            line.with("--artifact", Some(PROCESSES));
            let listed = listed(&args.ioc, args.list.count);
            hashes(&mut line, &args.hashes, listed);
            line.flag("--fresh", args.fresh);
        }
        _ => return None,
    }
    limits(&mut line, &body.limits);
    line.with("--spread", (start.spread_s > 0).then(|| format!("{}s", start.spread_s)));
    // It may stand alone, so its value is joined.
    if start.on_stall_s > 0 {
        line.0.extend([" --on-stall=", &format!("{}s", start.on_stall_s)]);
    }
    expires(&mut line, body, HUNT_VALID_MS);
    Some(line.0)
}

fn files(line: &mut Line, args: &file_hash::Args) {
    line.each("--root", &args.roots);
    line.each("--include", &args.include);
    line.each("--exclude", &args.exclude);
    line.flag("--ignore-case", args.ignore_case);
    line.with("--max-depth", args.max_depth);
    line.with("--min-size", args.min_size);
    line.with("--max-size", args.max_size);
    let listed = listed(&args.ioc, args.list.count);
    hashes(line, &args.hashes, listed);
    if let Some(upload) = &args.upload {
        line.flag("--upload-matches", true);
        line.with("--upload-max-file", Some(upload.max_file_bytes));
        line.with("--upload-max", Some(upload.max_bytes));
    }
    line.flag("--one-file-system", args.one_file_system);
    line.flag("--follow", args.follow);
    line.flag("--fresh", args.fresh);
    line.with("--fs", args.all_file_systems.then_some("all"));
    select(line, &args.select);
}

fn listed(ioc: &[IocList], split: u64) -> bool {
    split > 0 || !ioc.is_empty()
}

fn hashes(line: &mut Line, hashes: &[HashKind], is_listed: bool) {
    let names: Vec<_> = hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
    match names.as_slice() {
        [] => line.with("--hash", Some("none")),
        [one] if one == HashKind::Sha256.as_str() && !is_listed => {}
        names => line.joined("--hash", names),
    }
    line.with("--ioc", is_listed.then_some("HASHES"));
}

fn select(line: &mut Line, select: &Select) {
    let windows = [
        ("--newer", "--older", &select.mtime),
        ("--changed-newer", "--changed-older", &select.ctime),
        ("--born-newer", "--born-older", &select.btime),
    ];
    for (from, until, Window { from_ns, until_ns }) in windows {
        line.with(from, from_ns.map(Nanoseconds));
        line.with(until, until_ns.map(Nanoseconds));
    }
    let kinds: Vec<_> = select.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    line.joined("--kind", &kinds);
    line.joined("--owner", &select.owners);
    line.joined("--group", &select.groups);
    mode(line, &select.mode);
}

fn mode(line: &mut Line, mode: &ModeBits) {
    let ModeBits { any, all, exactly } = *mode;
    if all == 0 && exactly.is_none() {
        line.with("--mode", (any != 0).then(|| format!("/{any:o}")));
        return;
    }
    line.flag("--setuid", any & 0o4000 != 0);
    line.flag("--setgid", any & 0o2000 != 0);
    line.flag("--world-writable", any & 0o0002 != 0);
    line.with("--mode", (all != 0).then(|| format!("{all:o}")));
    line.with("--mode", exactly.map(|bits| format!("={bits:o}")));
}

fn limits(line: &mut Line, limits: &Limits) {
    line.with("--max-cpu", limits.max_cpu_percent.map(|percent| format!("{percent}%")));
    line.with("--max-mbps", limits.max_mbps);
    line.with("--max-files-per-s", limits.max_files_per_s);
    line.with("--timeout", limits.timeout_s.map(|seconds| format!("{seconds}s")));
    line.with("--max-rows", limits.max_rows);
    line.with("--max-bytes", limits.max_bytes);
    line.with("--max-memory", limits.max_memory_mb);
}

fn profile(body: &Body, start: &ProfileStart) -> String {
    let mut line = Line("muster profile take".to_owned());
    target(&mut line, body);
    let kinds: Vec<_> = start.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    line.joined("--kind", &kinds);
    let usual = if start.during.is_some() { PROFILE_SECONDS_MAX } else { 10 };
    line.with("--seconds", (start.seconds != usual).then_some(start.seconds));
    line.with("--while", start.during);
    line.with("--hertz", (start.hertz != 99).then_some(start.hertz));
    expires(&mut line, body, PROFILE_VALID_MS);
    line.0
}

fn target(line: &mut Line, body: &Body) {
    let is_profile = body.kind == Kind::ProfileStart;
    match body.target.directed() {
        Some(ids) if ids.iter().all(|id| id.as_str() == "coordinator") => {
            line.flag("--coordinator", true);
        }
        Some(ids) => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            line.joined("--agents", &ids);
        }
        // A hunt is for all where nothing is said; a profile never is.
        None if body.target.expr == "all" && !is_profile => {}
        None => line.bytes("--target", body.target.expr.as_bytes()),
    }
    line.with("--sample", body.target.sample_ppm.map(|ppm| share(u64::from(ppm))));
}

/// Writes parts of a million as a percentage.
fn share(ppm: u64) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn expires(line: &mut Line, body: &Body, usual_ms: i64) {
    let valid_ms = body.not_after.since_ms(body.issued);
    if valid_ms == usual_ms {
        return;
    }
    let units = [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let whole = units.iter().find(|(unit, _)| valid_ms % unit == 0);
    line.with("--expires", whole.map(|(unit, name)| format!("{}{name}", valid_ms / unit)));
}

/// Quotes a word for a POSIX shell; what is no text, as bash and zsh do.
pub fn quoted(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:=,@%+-".contains(byte);
    match str::from_utf8(word) {
        Ok(text) if !word.is_empty() && word.iter().all(is_plain) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        _ => {
            let escaped = |byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            };
            format!("$'{}'", word.iter().map(escaped).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::artifact::file_hash::Upload;
    use muster_protocol::clock::Timestamp;
    use muster_protocol::ids::{AgentId, FleetId, KeyId, RequestId};
    use muster_protocol::request::profile::ProfileKind;
    use muster_protocol::request::{Target, Verb};
    use serde::Serialize;

    use super::*;

    fn body(kind: Kind, args: &impl Serialize) -> Body {
        Body {
            kind,
            id: RequestId::from_bytes([1; 16]),
            key: KeyId::of(&[2; 32]),
            fleet: FleetId::from_bytes([3; 16]),
            issued: Timestamp(1_000),
            not_after: Timestamp(1_000 + HUNT_VALID_MS),
            target: Target::all(),
            limits: Limits::default(),
            args: wire::encode(args).unwrap().into(),
        }
    }

    fn files(args: &file_hash::Args) -> HuntStart {
        HuntStart::files(args).unwrap()
    }

    fn spec(roots: &[&[u8]]) -> file_hash::Args {
        file_hash::Args {
            roots: roots.iter().map(|root| root.to_vec().into()).collect(),
            hashes: vec![HashKind::Sha256],
            ..file_hash::Args::default()
        }
    }

    #[test]
    fn what_is_usual_is_left_out() {
        let hunt = body(Kind::HuntStart, &files(&spec(&[b"/etc"])));
        assert_eq!(command(&hunt, None).unwrap(), "muster hunt run --root /etc");
    }

    #[test]
    fn every_field_has_its_flag() {
        let args = file_hash::Args {
            include: vec!["*.so".into(), "it's".into()],
            exclude: vec!["-x".into()],
            max_depth: Some(3),
            min_size: Some(1),
            max_size: Some(2_000),
            hashes: vec![],
            one_file_system: true,
            all_file_systems: true,
            upload: Some(Box::new(Upload { max_file_bytes: 5, max_bytes: 6 })),
            select: Box::new(Select {
                mtime: Window { from_ns: Some(1_800_000_000_000_000_001), until_ns: None },
                owners: vec!["root".into(), "0".into()],
                mode: ModeBits { any: 0o6000, ..ModeBits::default() },
                ..Select::default()
            }),
            follow: true,
            fresh: true,
            ignore_case: true,
            ..spec(&[b"/a b", b"/\xff"])
        };
        let start = HuntStart { spread_s: 60, on_stall_s: 30, ..files(&args) };
        let limits = Limits {
            max_cpu_percent: Some(25),
            max_mbps: Some(20),
            max_files_per_s: Some(9),
            timeout_s: Some(3_600),
            max_rows: Some(7),
            max_bytes: Some(8),
            max_memory_mb: Some(64),
        };
        let target = Target { expr: "label:role=db and os:linux".into(), sample_ppm: Some(1_500) };
        let not_after = Timestamp(1_000 + 3_600_000);
        let hunt = Body { limits, target, not_after, ..body(Kind::HuntStart, &start) };
        assert_eq!(
            command(&hunt, None).unwrap(),
            "muster hunt run --target 'label:role=db and os:linux' --sample 0.15% --root '/a b' --root $'/\\xff' \
             --include '*.so' --include 'it'\\''s' --exclude=-x --ignore-case --max-depth 3 --min-size 1 --max-size 2000 \
             --hash none --upload-matches --upload-max-file 5 --upload-max 6 --one-file-system --follow --fresh --fs all \
             --newer 2027-01-15T08:00:00.000000001Z --owner root,0 --mode /6000 --max-cpu 25% --max-mbps 20 \
             --max-files-per-s 9 --timeout 3600s --max-rows 7 --max-bytes 8 --max-memory 64 --spread 60s --on-stall=30s \
             --expires 1h"
        );
    }

    #[test]
    fn profiles_controls_and_revocations() {
        let start = ProfileStart {
            revision: 0,
            kinds: vec![ProfileKind::Cpu, ProfileKind::Wall],
            seconds: 30,
            during: None,
            hertz: 199,
        };
        let target = Target::agents(&[AgentId::new("web-1").unwrap()]);
        let not_after = Timestamp(1_000 + PROFILE_VALID_MS);
        let profile = Body { target, not_after, ..body(Kind::ProfileStart, &start) };
        let expected =
            "muster profile take --agents web-1 --kind cpu,wall --seconds 30 --hertz 199";
        assert_eq!(command(&profile, None).unwrap(), expected);
        let own = Body { target: Target::agents(&[AgentId::coordinator()]), ..profile };
        assert!(
            command(&own, None).unwrap().starts_with("muster profile take --coordinator --kind")
        );
        let about = RequestId::from_bytes([9; 16]);
        let control = body(Kind::Control, &Control::new(about, Verb::Cancel, 1));
        let of = |kind| command(&control, kind);
        assert_eq!(of(Some(Kind::HuntStart)).unwrap(), format!("muster hunt cancel {about}"));
        assert_eq!(of(Some(Kind::ProfileStart)).unwrap(), format!("muster profile cancel {about}"));
        assert_eq!(of(None), None);
        let key = KeyId::of(&[7; 32]);
        let revoke = body(Kind::TrustRevoke, &Revoke { keys: vec![key] });
        assert_eq!(command(&revoke, None).unwrap(), format!("muster trust revoke {key}"));
    }
}
