//! Whatever is committed: what a fold shows after it is what a new look at everything shows, and the parts that it names are those
//! that have changed.

use muster_api::CollectionBrief;
use muster_protocol::limits::NOT_MATCHED_MS_MIN;
use proptest::prelude::*;

use super::*;
use crate::hunts::current;
use crate::live::tallies::Tallies;
use crate::store::collections::tests::{Step, World, agent, hunt, step};

/// A watcher that remembers what it was told.
struct Watcher {
    fold: Fold,
    shown: Option<Shown>,
    parts: BTreeMap<String, CollectionBrief>,
}

/// The parts as a list has them, without what only time changes.
fn listed(world: &World) -> BTreeMap<String, CollectionBrief> {
    let reader = world.place.reader().unwrap();
    let news = world.writer.as_ref().unwrap().news();
    let summary = summary(&reader, &hunt(0)).unwrap();
    let fleet = news.fleet();
    let moment = Moment::of(&summary, world.now(), &fleet, None);
    let parts = reader.stored_collections(&hunt(0)).unwrap();
    let parts = parts.iter().filter(|part| part.is_counted());
    parts.map(|part| (part.agent.to_string(), timeless(moment.brief(part)))).collect()
}

fn timeless(brief: CollectionBrief) -> CollectionBrief {
    CollectionBrief { silent_s: None, age_ms: 0, ..brief }
}

impl Watcher {
    fn begin(world: &World) -> Option<Self> {
        let news = world.writer.as_ref().unwrap().news();
        let reader = world.place.reader().unwrap();
        let fold = Fold::begin(&reader, hunt(0), news.watch(hunt(0))).unwrap()?;
        let mut watcher = Self { fold, shown: None, parts: BTreeMap::new() };
        watcher.look(world);
        watcher.parts = listed(world);
        Some(watcher)
    }

    fn look(&mut self, world: &World) {
        let news = world.writer.as_ref().unwrap().news();
        let reader = world.place.reader().unwrap();
        if !self.fold.is_due(None, world.now()) {
            return;
        }
        let looked = self.fold.look(&reader, news, None, world.now()).unwrap();
        self.shown = looked.shown.or(self.shown.take());
        match looked.parts {
            None => {}
            Some(Parts::Resync) => self.parts = listed(world),
            Some(Parts::Changed(parts)) => {
                assert!(!parts.is_empty() && parts.len() <= CHANGED_PARTS_MAX);
                for brief in parts.iter() {
                    self.parts.insert(brief.agent.clone(), timeless(brief.clone()));
                }
            }
        }
    }

    fn check(&self, world: &World) -> Result<(), TestCaseError> {
        let news = world.writer.as_ref().unwrap().news();
        let reader = world.place.reader().unwrap();
        let request = reader.request(&hunt(0)).unwrap().unwrap();
        let known = (&**news, &Tallies::default());
        let now = current::read(&reader, known, &request, None, world.now()).unwrap();
        let shown = self.shown.as_ref().unwrap();
        let view: HuntView = serde_json::from_str(&shown.json).unwrap();
        prop_assert!(view.change <= now.change && view.as_of <= now.as_of);
        prop_assert_eq!((shown.is_done, shown.change), (now.done, view.change));
        let timeless: HuntView = serde_json::from_str(&shown.timeless).unwrap();
        let bare = HuntView { change: 0, as_of: Time::default(), ..view.clone() };
        prop_assert_eq!(timeless, bare);
        prop_assert_eq!(view.clone(), HuntView { change: view.change, as_of: view.as_of, ..now });
        prop_assert_eq!(&self.parts, &listed(world));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_fold_that_follows_commits_shows_what_a_new_look_shows(
        steps in prop::collection::vec(step(), 0..40),
        looks in prop::collection::vec(any::<bool>(), 40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path());
        world.step(Step::Launch(0, vec![0, 1, 2], false));
        let mut watcher = Watcher::begin(&world).unwrap();
        for (step, is_looked_at) in steps.into_iter().zip(looks) {
            let is_opened = matches!(step, Step::Opened);
            world.step(step);
            if is_opened {
                watcher = Watcher::begin(&world).unwrap();
            }
            if is_looked_at {
                watcher.look(&world);
                watcher.check(&world)?;
            }
        }
    }
}

#[test]
fn where_nothing_of_the_hunt_has_changed_nothing_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    world.step(Step::Launch(0, vec![0, 1], false));
    world.step(Step::Launch(1, vec![0, 1], false));
    // An agent's first sample names its machine, which is news for every hunt.
    world.step(Step::Sample(2, vec![], false));
    let mut watcher = Watcher::begin(&world).unwrap();
    let first = watcher.shown.clone();
    world.step(Step::Published(1));
    world.step(Step::Sample(2, vec![(1, true)], false));
    assert!(!watcher.fold.is_due(None, world.now()), "another hunt");
    world.step(Step::Sample(0, vec![(0, true)], false));
    assert!(watcher.fold.is_due(None, world.now()));
    watcher.look(&world);
    assert_ne!(watcher.shown, first);
    assert_eq!(watcher.parts[agent(0).as_str()].state, "running");
    // Time alone changes it as well.
    assert!(!watcher.fold.is_due(None, world.now()));
    world.step(Step::Waited(NOT_MATCHED_MS_MIN));
    assert!(watcher.fold.is_due(None, world.now()));
}
