use clap::CommandFactory;

use super::*;

/// Returns whether a page has a flag, and not only a longer one that begins like it.
fn has(page: &str, flag: &str) -> bool {
    page.match_indices(flag).any(|(at, _)| {
        let behind = page.get(at + flag.len()..).and_then(|rest| rest.chars().next());
        behind.is_none_or(|c| c != '-' && !c.is_ascii_alphanumeric())
    })
}

#[test]
fn every_flag_of_a_hunt_is_in_the_reference() {
    let page = include_str!("../../../../docs/reference/cli.md");
    let command = Typed::command();
    let hunt = command.find_subcommand("hunt").unwrap();
    let mut flags = 0;
    for verb in
        ["run", "launch", "seal", "watch", "results", "files", "pause", "note", "targets", "copy"]
    {
        for arg in hunt.find_subcommand(verb).unwrap().get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            flags += 1;
            assert!(has(page, &format!("--{long}")), "--{long} is not in docs/reference/cli.md");
        }
    }
    assert!(flags > 80, "{flags} flags");
}

/// What may stand beside a draft: the list that it does not hold, and the answer to its question.
const BESIDE_A_DRAFT: [&str; 4] = ["draft_file", "ioc", "ioc_skip_bad", "yes"];

#[test]
fn no_flag_beside_a_draft_is_ignored() {
    let mut command = Typed::command();
    command.build();
    let launch = command.find_subcommand("hunt").unwrap().find_subcommand("launch").unwrap();
    let draft = launch.get_arguments().find(|one| one.get_id() == "draft_file").unwrap();
    let refused: Vec<_> =
        launch.get_arg_conflicts_with(draft).iter().map(|one| one.get_id().clone()).collect();
    for flag in launch.get_arguments().filter(|one| !one.is_global_set()) {
        let id = flag.get_id();
        let is_beside = BESIDE_A_DRAFT.contains(&id.as_str()) || id == "help";
        assert_ne!(refused.contains(id), is_beside, "{id}");
    }
}
