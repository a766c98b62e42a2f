//! The command line that makes the same request, for a shell.

use std::os::unix::ffi::OsStrExt;

use muster_api::command::quoted;

use super::form::{Form, FormKind, Word};
use crate::hunt::ListFile;

/// Returns the command line of a form.
pub(super) fn command(form: &Form, words: &[Word], lists: &[ListFile]) -> String {
    if let Some((noun, verb)) = form.kind.control() {
        let about = quoted(form.text(noun).as_bytes());
        return format!("muster {noun} {} {about}", verb.as_str());
    }
    let verb =
        if form.kind == FormKind::Profile { "muster profile take" } else { "muster hunt run" };
    let mut parts = vec![verb.to_owned()];
    parts.extend(words.iter().map(word));
    for list in lists {
        parts.push(word(&Word::list(&list.name)));
    }
    if lists.iter().any(|list| list.skips_bad) {
        parts.push("--ioc-skip-bad".to_owned());
    }
    parts.join(" ")
}

fn word(word: &Word) -> String {
    let Word { flag, value } = word;
    match value {
        None => flag.clone(),
        // The flag that may stand alone wants its value joined, and so does a value that looks like a flag.
        Some(value) if flag == "--on-stall" || value.as_bytes().starts_with(b"-") => {
            format!("{flag}={}", quoted(value.as_bytes()))
        }
        Some(value) => format!("{flag} {}", quoted(value.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_what_a_shell_reads() {
        let form: Form = serde_json::from_str(
            r#"{"kind": "hunt", "fields": {"root": ["/srv/it's", {"base64": "L2L/Cg=="}], "include": ["*.php"],
                "max_cpu": "25%", "setuid": true, "on_stall": "1m", "target": "-x"}}"#,
        )
        .unwrap();
        let list =
            ListFile { path: "/tmp/1".into(), name: "bad hashes.txt".into(), skips_bad: true };
        assert_eq!(
            command(&form, &form.words().unwrap(), &[list]),
            "muster hunt run --target=-x --root '/srv/it'\\''s' --root $'/b\\xff\\x0a' --include '*.php' --setuid \
             --max-cpu 25% --on-stall=1m --ioc 'bad hashes.txt' --ioc-skip-bad"
        );
        let cancel: Form =
            serde_json::from_str(r#"{"kind": "hunt_cancel", "fields": {"hunt": "0199"}}"#).unwrap();
        assert_eq!(command(&cancel, &[], &[]), "muster hunt cancel 0199");
        let pause = Form { kind: FormKind::HuntPause, ..cancel };
        assert_eq!(command(&pause, &[], &[]), "muster hunt pause 0199");
    }
}
