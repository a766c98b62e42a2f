//! A review for a terminal: the same fields as the page shows, one a line.

use muster_protocol::request::Limits;

use super::review::{ControlReview, HuntReview, RequestReview, Review};
use crate::output::{escape, units};

/// Returns the review as text. What an operator typed is escaped like everything else: a name may hold a line's end.
pub(crate) fn text_of(review: &Review) -> String {
    let Review { operator, requests, bytes, whole_bytes } = review;
    let mut lines = vec![format!(
        "{} (key {}) of fleet {} signs:",
        escape::text(&operator.name),
        operator.key,
        operator.fleet
    )];
    for request in requests {
        lines.push(String::new());
        lines.extend(of_request(request));
    }
    lines.push(String::new());
    let kept = if *whole_bytes > 0 {
        format!("; the coordinator keeps {} of whole digests", units::bytes(*whole_bytes))
    } else {
        String::new()
    };
    lines.push(format!("each agent receives {}{kept}", units::bytes(*bytes)));
    lines.join("\n")
}

fn of_request(request: &RequestReview) -> Vec<String> {
    let RequestReview {
        id,
        kind,
        bytes,
        sha256,
        key: _,
        fleet: _,
        issued: _,
        expires,
        target,
        limits,
        hunt,
        profile,
        control,
        list_part,
        revoke,
    } = request;
    let mut lines = vec![format!("{kind} {id}")];
    let mut say = |name: &str, value: &str| lines.push(format!("  {name:<12} {value}"));
    let sample = target.sample_ppm.map(|ppm| format!(", {ppm} in a million of them"));
    say("target", &format!("{}{}", escape::text(&target.expr), sample.unwrap_or_default()));
    if let Some(hunt) = hunt {
        of_hunt(hunt, &mut say);
    }
    if let Some(profile) = profile {
        say(
            "takes",
            &format!(
                "{}, {} s, {} hertz",
                profile.kinds.join(", "),
                profile.seconds,
                profile.hertz
            ),
        );
        if let Some(hunt) = &profile.during {
            say("while", hunt);
        }
    }
    if let Some(control) = control {
        let ControlReview { verb, about, revision, meaning, args_bytes: _ } = control;
        say(&escape::text(verb), about);
        say("revision", &revision.to_string());
        if !meaning.is_empty() {
            say("means", meaning);
        }
    }
    if let Some(list) = list_part {
        say("hashes", &format!("{} {}, {} bytes of each", list.count, list.kind, list.width));
    }
    for key in revoke.iter().flatten() {
        say("revokes", key);
    }
    let bounds = bounds(limits);
    if hunt.is_some() {
        say("limits", if bounds.is_empty() { "none" } else { &bounds });
    }
    say("until", &expires.to_string());
    say("bytes", &format!("{bytes}, sha256 {sha256}"));
    lines
}

fn of_hunt(hunt: &HuntReview, say: &mut impl FnMut(&str, &str)) {
    let HuntReview {
        artifact,
        schema,
        roots,
        hashes,
        filters,
        list,
        upload,
        spread_s,
        progress_s: _,
        on_stall_s,
    } = hunt;
    say("artifact", &format!("{artifact} {schema}"));
    for root in roots {
        say("root", &root.text);
    }
    say("hashes", &if hashes.is_empty() { "none".to_owned() } else { hashes.join(", ") });
    for filter in filters {
        say(&filter.name, &escape::text(&filter.value));
    }
    if let Some(list) = list {
        let kinds: Vec<_> =
            list.kinds.iter().map(|one| format!("{} {}", one.count, one.kind)).collect();
        let how =
            if list.parts > 0 { format!("in {} parts", list.parts) } else { kinds.join(", ") };
        say("list", &format!("{} hashes: {how}", units::count(list.count)));
    }
    if let Some(upload) = upload {
        let (file, all) = (units::bytes(upload.max_file_bytes), units::bytes(upload.max_bytes));
        say("uploads", &format!("files that match: up to {file} each, {all} an agent"));
    }
    for (name, seconds) in [("spread", *spread_s), ("on-stall", *on_stall_s)] {
        if seconds > 0 {
            say(name, &format!("{seconds} s"));
        }
    }
}

fn bounds(limits: &Limits) -> String {
    let Limits {
        max_cpu_percent,
        max_mbps,
        max_files_per_s,
        timeout_s,
        max_rows,
        max_bytes,
        max_memory_mb,
    } = limits;
    let small = |value: &Option<u32>| value.map(u64::from);
    let all = [
        ("% of a core", small(max_cpu_percent)),
        (" MB/s", small(max_mbps)),
        (" files/s", small(max_files_per_s)),
        (" s", small(timeout_s)),
        (" rows", *max_rows),
        (" bytes", *max_bytes),
        (" MB of memory", small(max_memory_mb)),
    ];
    let said = all.into_iter().filter_map(|(unit, value)| Some(format!("{}{unit}", value?)));
    said.collect::<Vec<_>>().join(", ")
}
