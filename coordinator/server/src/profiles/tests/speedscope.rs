//! Speedscope's file format, held against its published schema.

use serde_json::{Value, json};

use super::made;

/// What the schema (`file-format-schema.json`) asks of a file with sampled profiles: required fields, their
/// types, no others, indices that are there, one weight a sample.
fn check(file: &Value) {
    let fields = |value: &Value, required: &[&str], optional: &[&str]| {
        let object = value.as_object().unwrap_or_else(|| panic!("an object: {value}"));
        for name in required {
            assert!(object.contains_key(*name), "{name} of {value}");
        }
        for name in object.keys() {
            let is_known = required.contains(&name.as_str()) || optional.contains(&name.as_str());
            assert!(is_known, "{name} of {value}");
        }
    };
    let optional = ["name", "activeProfileIndex", "exporter"];
    fields(file, &["$schema", "shared", "profiles"], &optional);
    assert_eq!(file["$schema"], "https://www.speedscope.app/file-format-schema.json");
    assert!(file["name"].is_string() && file["exporter"].is_string());
    fields(&file["shared"], &["frames"], &[]);
    let frames = file["shared"]["frames"].as_array().unwrap();
    for frame in frames {
        fields(frame, &["name"], &["file", "line", "col"]);
        assert!(frame["name"].is_string(), "{frame}");
        assert!(frame.get("file").is_none_or(Value::is_string), "{frame}");
        assert!(frame.get("line").is_none_or(Value::is_number), "{frame}");
    }
    let profiles = file["profiles"].as_array().unwrap();
    assert!(file["activeProfileIndex"].as_u64().unwrap() < profiles.len() as u64);
    let units = ["none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"];
    for profile in profiles {
        let required = ["type", "name", "unit", "startValue", "endValue", "samples", "weights"];
        fields(profile, &required, &[]);
        assert_eq!(profile["type"], "sampled");
        assert!(profile["name"].is_string());
        assert!(units.contains(&profile["unit"].as_str().unwrap()), "{}", profile["unit"]);
        let (samples, weights) = (&profile["samples"], &profile["weights"]);
        let (samples, weights) = (samples.as_array().unwrap(), weights.as_array().unwrap());
        assert_eq!(samples.len(), weights.len());
        for index in samples.iter().flat_map(|stack| stack.as_array().unwrap()) {
            assert!(index.as_u64().unwrap() < frames.len() as u64);
        }
        let length =
            profile["endValue"].as_i64().unwrap() - profile["startValue"].as_i64().unwrap();
        assert_eq!(weights.iter().map(|weight| weight.as_i64().unwrap()).sum::<i64>(), length);
    }
}

#[test]
fn the_export_is_what_the_schema_asks_for() {
    let profile = made::agent();
    let file = serde_json::to_value(profile.speedscope("web-1")).unwrap();
    check(&file);
    let threads: Vec<_> = file["profiles"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(threads, ["hash-0", "hash-1", "main", "thread"]);
    let frames = file["shared"]["frames"].as_array().unwrap();
    let first = file["profiles"][0]["samples"][0].as_array().unwrap();
    let names: Vec<_> = first
        .iter()
        .map(|at| &frames[usize::try_from(at.as_u64().unwrap()).unwrap()]["name"])
        .collect();
    assert_eq!(names, ["main", "walk", "hash", "sha2::compress"], "root first");
    assert_eq!(file["profiles"][0]["weights"], json!([600_000_000, 200_000_000]));

    check(&serde_json::to_value(made::profile(&[]).speedscope("nobody")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let real = super::resolve(&super::raw(), folder.path());
    check(&serde_json::to_value(real.speedscope("this process")).unwrap());
}
