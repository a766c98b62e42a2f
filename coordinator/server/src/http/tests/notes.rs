//! Names, notes and cases of hunts: kept, found, and never sent to an agent.

use muster_protocol::request::note::Note;
use serde_json::json;

use super::*;

fn note(about: RequestId, texts: [Option<&str>; 3]) -> Note {
    let [name, note, case] = texts.map(|text| text.map(str::to_owned));
    Note {
        id: RequestId::new(),
        key: operator().id(),
        fleet: FleetId::from_bytes([0; 16]),
        issued: Clock::system().now(),
        about,
        name,
        note,
        case,
    }
}

fn send(api: &Api, note: Note) -> (u16, Value) {
    let note = Note { fleet: api.core.config.file.fleet, ..note };
    api.launch(&operator().seal_note(&note, &certificate(&api.core)).unwrap())
}

#[test]
fn a_hunt_has_the_texts_that_were_given_last_and_is_found_by_them() {
    let api = Api::new();
    let other = RequestId::from_bytes([2; 16]);
    api.write(hunt(HUNT, &["a-1"]));
    api.write(hunt(other, &["a-1"]));
    let change = api.well(&format!("/hunts/{HUNT}"))["change"].as_u64();
    let first = note(HUNT, [Some("Web shells"), Some("why"), Some("IR-14")]);
    let (status, document) = send(&api, first.clone());
    assert_eq!((status, &document["kind"]), (200, &json!("note")), "{document}");
    assert_eq!(send(&api, first).0, 200, "the same again changes nothing");
    assert_eq!(send(&api, note(HUNT, [None, Some("two hits"), None])).0, 200);
    let shown = api.well(&format!("/hunts/{HUNT}"));
    let texts = [&shown["name"], &shown["note"], &shown["case"]];
    assert_eq!(texts, ["Web shells", "two hits", "IR-14"]);
    assert!(shown["change"].as_u64() > change, "who watches it is told");
    for (filter, total) in
        [("name=SHELL", 1), ("case=ir-1", 1), ("q=two%20hits", 1), ("name=x", 0), ("case=IR-15", 0)]
    {
        let found = api.well(&format!("/hunts?{filter}"));
        assert_eq!(found["total"], total, "{filter}");
        assert!(found["items"].as_array().unwrap().iter().all(|one| one["case"] == "IR-14"));
    }
    assert_eq!(send(&api, note(HUNT, [Some(""), None, None])).0, 200);
    assert_eq!(
        api.well("/hunts?case=IR-14")["items"][0]["name"],
        "",
        "an empty text takes it away"
    );
    let rebuilt = api.runtime.block_on(api.core.writer.write(Write::Rebuild(HUNT))).unwrap();
    assert_eq!(rebuilt, crate::store::WriteOutcome::Differed(0));
    // It is no request: there is nothing that could be sent to an agent.
    let noted = api.core.read(|reader| reader.unpublished(Timestamp(0)));
    let owed = api.runtime.block_on(noted).unwrap();
    assert!(owed.iter().all(|request| request.kind == Kind::HuntStart.as_str()));
    let audit = api.well("/audit?action=note");
    assert_eq!(audit["items"][0]["subject"], HUNT.to_string());
}

#[test]
fn what_is_no_note_of_a_hunt_is_refused() {
    let api = Api::new();
    api.write(hunt(HUNT, &["a-1"]));
    let unknown = note(RequestId::from_bytes([8; 16]), [Some("x"), None, None]);
    assert_eq!(send(&api, unknown).1["code"], 64);
    for text in ["a\u{1b}[2J", "\u{202e}", &"x".repeat(201)] {
        let (status, document) = send(&api, note(HUNT, [Some(text), None, None]));
        assert_eq!((status, &document["code"]), (400, &json!(64)), "{document}");
    }
    assert_eq!(send(&api, note(HUNT, [None, None, None])).0, 400);
    let mut sealed = {
        let note = note(HUNT, [Some("x"), None, None]);
        let note = Note { fleet: api.core.config.file.fleet, ..note };
        operator().seal_note(&note, &certificate(&api.core)).unwrap()
    };
    sealed.sig[0] ^= 1;
    let (status, document) = api.launch(&sealed);
    assert_eq!((status, &document["code"]), (403, &json!(77)), "{document}");
    assert_eq!(api.well(&format!("/hunts/{HUNT}"))["name"], "");
}
