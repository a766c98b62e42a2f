//! What a watcher needs to know of a request: where it stands, and whether it has ended.

use muster_api::{HuntView, ProfileView, States};

use crate::client::Answer;
use crate::hunt;
use crate::output::Document;
use crate::output::progress::Standing;

/// A view of a request that can be watched.
pub(super) trait Watch: Answer + Send + 'static {
    /// Returns where the request stands.
    fn standing(&self) -> Standing;
    /// Returns whether nothing more is to come.
    fn is_done(&self) -> bool;
    /// Returns why it stands still by an operator's word, and how it goes on.
    fn held(&self) -> Option<String> {
        None
    }
}

impl Watch for HuntView {
    fn standing(&self) -> Standing {
        let (files, bytes) = (self.progress.files, self.progress.bytes);
        let says = self.held().unwrap_or_default();
        Standing { files, bytes, says, ..of_agents(self.targeted, &self.states) }
    }

    fn held(&self) -> Option<String> {
        hunt::held(self)
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Watch for Document<ProfileView> {
    fn standing(&self) -> Standing {
        of_agents(self.view.targeted, &self.view.states)
    }

    fn is_done(&self) -> bool {
        self.view.done
    }
}

/// Returns where agents stand; the states that are not zero by their names.
fn of_agents(targeted: u64, states: &States) -> Standing {
    let states_of = states.named().into_iter().filter(|(_, count)| *count > 0);
    let mut named: Vec<_> = states_of.map(|(name, count)| (name.to_owned(), count)).collect();
    named.sort_unstable();
    Standing { targeted, ended: states.ended(), states: named, ..Standing::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_states_with_agents_are_named() {
        let states = States { running: 2, finished: 1, failed: 1, ..States::default() };
        let standing = of_agents(4, &states);
        assert_eq!((standing.targeted, standing.ended), (4, 2));
        let named: Vec<_> =
            standing.states.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(named, [("failed", 1), ("finished", 1), ("running", 2)]);
    }
}
