use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn folded(controls: &[(Verb, u64)]) -> Controls {
    controls.iter().copied().collect()
}

#[test]
fn the_highest_revision_holds_and_a_cancel_always_does() {
    let hold = |controls: &[(Verb, u64)]| folded(controls).hold();
    assert_eq!(hold(&[]), Hold::None);
    assert_eq!(hold(&[(Verb::Pause, 1)]), Hold::Pause);
    assert_eq!(hold(&[(Verb::Pause, 1), (Verb::Resume, 2)]), Hold::None);
    assert_eq!(hold(&[(Verb::Resume, 2), (Verb::Pause, 1)]), Hold::None);
    assert_eq!(hold(&[(Verb::Pause, 1), (Verb::Drain, 2)]), Hold::Drain);
    assert_eq!(hold(&[(Verb::Cancel, 1), (Verb::Resume, 9)]), Hold::Cancel);
    assert_eq!(folded(&[(Verb::Cancel, 9), (Verb::Pause, 3)]).revision(), 3);
}

#[test]
fn what_has_ended_stays_so_and_cancel_ends_all_else() {
    for event in Event::ALL {
        assert_eq!(next(Stage::Ended, event), Stage::Ended);
        assert_eq!(next(Stage::Unbegun, event), Stage::Unbegun);
    }
    for stage in Stage::ALL {
        assert!(matches!(next(stage, Event::Cancel), Stage::Ended | Stage::Unbegun), "{stage:?}");
        assert_eq!(next(stage, Event::Restart), stage, "a restart is nothing that happens to it");
    }
}

#[test]
fn the_documented_table_is_the_one_of_the_code() {
    let mut table = String::from("|");
    for stage in Stage::ALL {
        write!(table, " | {}", stage.as_str()).unwrap();
    }
    table.push_str(" |\n|---|");
    table.push_str(&"---|".repeat(Stage::ALL.len()));
    for event in Event::ALL {
        write!(table, "\n| {}", event.as_str()).unwrap();
        for stage in Stage::ALL {
            let after = next(stage, event);
            let word = if after == stage { "·" } else { after.as_str() };
            write!(table, " | {word}").unwrap();
        }
        table.push_str(" |");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/lifecycle.md");
    let text = std::fs::read_to_string(page).expect("docs/reference/lifecycle.md");
    assert!(text.contains(&table), "docs/reference/lifecycle.md lacks this table:\n{table}");
}

fn controls() -> impl Strategy<Value = Vec<(Verb, u64)>> {
    prop::collection::vec((prop::sample::select(Verb::ALL.to_vec()), 1..6_u64), 0..12)
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_of_controls_matters(
        (sent, arrived) in controls().prop_flat_map(|sent| {
            let twice = [sent.clone(), sent.clone()].concat();
            (Just(sent), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(folded(&sent), folded(&arrived));
    }
}
