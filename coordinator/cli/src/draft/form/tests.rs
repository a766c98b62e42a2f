use clap::CommandFactory;

use super::*;

fn form(json: &str) -> Form {
    serde_json::from_str(json).unwrap()
}

fn list(name: &str) -> ListFile {
    ListFile { path: "/nowhere".into(), name: name.to_owned(), skips_bad: false }
}

fn hunt(json: &str) -> Result<Run, Problem> {
    Form::hunt(&form(json).words()?, &[])
}

/// Flags that no form has: they name files of this machine, or say what the command itself does.
const KEPT_OUT: [&str; 13] = [
    "dry-run",
    "ioc",
    "ioc-skip-bad",
    "out",
    "wait",
    "yes",
    "repeat",
    "for",
    "detach",
    "draft",
    // A note is a record of its own, beside the requests of a draft.
    "name",
    "note",
    "case",
];

#[test]
fn every_flag_is_a_field_or_is_kept_out_on_purpose() {
    let command = Typed::command();
    let verb = |noun: &str, verb: &str| {
        command.find_subcommand(noun).unwrap().find_subcommand(verb).unwrap().clone()
    };
    for (verb, fields) in [(verb("hunt", "run"), HUNT), (verb("profile", "take"), PROFILE)] {
        let flags: Vec<_> = verb.get_arguments().filter(|one| !one.is_global_set()).collect();
        assert!(flags.iter().all(|flag| flag.get_long().is_some()), "no arguments without a flag");
        for flag in flags {
            let name = flag.get_long().unwrap();
            let field = fields.iter().find(|(field, _)| *field == name.replace('-', "_"));
            let is_kept_out = KEPT_OUT.contains(&name);
            assert_ne!(field.is_some(), is_kept_out, "{name}: decide");
            let Some((_, shape)) = field else { continue };
            let takes =
                flag.get_num_args().map_or(flag.get_action().takes_values(), |n| n.takes_values());
            assert_eq!(takes, *shape != Shape::Switch, "{name}");
            // What the parser takes for a file of this machine must never be a field.
            let is_path = flag.get_value_hint() == clap::ValueHint::AnyPath;
            assert!(!is_path || name == "root", "{name} names a file");
        }
        for (field, _) in fields {
            let name = field.replace('_', "-");
            assert!(verb.get_arguments().any(|one| one.get_long() == Some(&name)), "{field}");
        }
    }
}

#[test]
fn fields_mean_what_flags_mean() {
    let run = hunt(
        r#"{"kind": "hunt", "fields": {
            "target": "label:db", "sample": "5%", "root": ["/a", {"base64": "L2L/"}], "include": ["*.php"],
            "max_cpu": "25%", "newer": "7d", "kind": ["file", "dir"], "setuid": true, "follow": false,
            "hash": "sha256,md5", "on_stall": true, "profile": "cpu,wall:30s@99", "expires": "", "owner": []
        }}"#,
    )
    .unwrap();
    let typed = Typed::try_parse_from([
        "muster",
        "hunt",
        "run",
        "--target",
        "label:db",
        "--sample",
        "5%",
        "--root",
        "/a",
        "--include",
        "*.php",
        "--max-cpu",
        "25%",
        "--newer",
        "7d",
        "--kind",
        "file,dir",
        "--setuid",
        "--hash",
        "sha256,md5",
        "--on-stall",
        "--profile",
        "cpu,wall:30s@99",
    ]);
    let Verb::Hunt(Hunt::Run(mut wanted)) = typed.unwrap().verb else { panic!("another verb") };
    wanted.draft.what.roots.push(OsString::from_vec(b"/b\xff".to_vec()));
    assert_eq!(format!("{run:?}"), format!("{wanted:?}"));
}

#[test]
fn no_value_becomes_another_flag() {
    let run = hunt(
        r#"{"kind": "hunt", "fields": {"root": ["--ioc=/etc/shadow", "-o"], "target": "--out"}}"#,
    );
    let run = run.unwrap();
    assert_eq!(run.draft.what.roots, ["--ioc=/etc/shadow", "-o"]);
    assert_eq!((run.draft.which.target.as_deref(), run.out), (Some("--out"), None));
    assert!(run.draft.what.ioc.is_empty());
    for field in
        ["ioc", "out", "operator_key", "dir", "wait", "yes", "ioc=/etc/shadow", "root=/a --out"]
    {
        let json = format!(
            r#"{{"kind": "hunt", "fields": {{"root": ["/a"], "{field}": "/etc/shadow"}}}}"#
        );
        let problem = hunt(&json).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some(field));
    }
}

#[test]
fn an_error_names_its_field_in_the_parser_s_own_words() {
    for (field, value, words) in [
        ("max_cpu", r#""fast""#, "is not a percentage like 50% (of one core)"),
        ("max_depth", r#""-1""#, "'-1'"),
        ("expires", r#""90d""#, "is not between 1s and 30d"),
        ("hash", r#"["sha3"]"#, "possible values: sha256"),
        ("sample", r#""5""#, "is not a share like 5%"),
        ("setuid", r#""yes""#, "setuid is true or false"),
        ("root", r#"[{"base64": "!"}]"#, "no base64"),
        ("include", r#"[{"base64": "YQ=="}]"#, "a list of texts"),
    ] {
        let problem =
            hunt(&format!(r#"{{"kind": "hunt", "fields": {{"{field}": {value}}}}}"#)).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some(field), "{problem:?}");
        assert!(problem.failure.cause.contains(words), "{problem:?}");
    }
    let both =
        hunt(r#"{"kind": "hunt", "fields": {"target": "all", "agents": ["a"]}}"#).unwrap_err();
    assert!(matches!(both.field.as_deref(), Some("target" | "agents")), "{both:?}");
}

#[test]
fn a_list_is_known_to_the_parser_and_never_opened() {
    let form = form(r#"{"kind": "hunt", "fields": {"root": ["/a"], "upload_matches": true}}"#);
    let words = form.words().unwrap();
    assert_eq!(Form::hunt(&words, &[]).unwrap_err().field.as_deref(), Some("list"));
    let run = Form::hunt(&words, &[list("bad.txt")]).unwrap();
    assert!(run.draft.what.upload_matches);
}

#[test]
fn flags_are_found_in_messages() {
    assert_eq!(flag_in("--min-size is above --max-size").as_deref(), Some("min_size"));
    assert_eq!(flag_in("no --ioc here").as_deref(), Some("list"));
    assert_eq!(flag_in("a -- b --root x").as_deref(), Some("root"));
    assert_eq!(flag_in("nothing"), None);
}
