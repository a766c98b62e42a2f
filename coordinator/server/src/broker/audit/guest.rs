//! The user that an audit works as, and the objects that it may break. All are gone when it is dropped; what an audit
//! that was killed has left behind is removed by the next one.

use muster_broker::Password;
use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::topology::{REQUESTS, RESULTS};
use serde_json::{Value, json};
use tracing::warn;

use super::Group;
use crate::broker::management::{Management, ManagementError, segment};

/// No agent's id holds an underscore.
const PREFIX: &str = "muster_audit_";
/// An audit is over long before.
const STALE_MS: i64 = 600_000;

/// A user with the rights of a group.
#[derive(Debug)]
pub(super) struct Guest {
    management: Management,
    /// Its name.
    pub(super) name: String,
    /// Its password.
    pub(super) password: Password,
    is_removed: bool,
}

impl Guest {
    pub(super) fn make(management: &Management, group: &Group) -> Result<Self, ManagementError> {
        let mut secret = [0; 24];
        getrandom::fill(&mut secret).map_err(|error| ManagementError::Unexpected {
            what: "the system's randomness".to_owned(),
            cause: error.to_string(),
        })?;
        let secret = muster_protocol::hex::encode(&secret);
        let tail = secret.get(..8).unwrap_or_default();
        let name = format!("{PREFIX}{}_{tail}", Clock::system().now().0);
        let (management, password) = (management.clone(), Password::new(&secret));
        // From here on it is removed, however far the making gets.
        let guest = Self { management, name, password, is_removed: false };
        guest.set_up(group)?;
        Ok(guest)
    }

    fn set_up(&self, group: &Group) -> Result<(), ManagementError> {
        let (management, user) = (&self.management, segment(&self.name));
        let vhost = management.vhost_segment();
        let login = json!({"password": self.password.reveal(), "tags": ""});
        management.put(&format!("/api/users/{user}"), &login)?;
        for (name, value) in group.limits() {
            let path = format!("/api/user-limits/{user}/{name}");
            management.put(&path, &json!({"value": value}))?;
        }
        for topic in group.topic_permissions(&self.name) {
            management.put(&format!("/api/topic-permissions/{vhost}/{user}"), &topic)?;
        }
        let path = format!("/api/permissions/{vhost}/{user}");
        management.put(&path, &group.permissions(&self.name))?;
        let queue = json!({"durable": true, "arguments": {"x-queue-type": "classic"}});
        for name in [self.own_queue(), self.prey()] {
            management.put(&format!("/api/queues/{vhost}/{}", segment(&name)), &queue)?;
        }
        let exchange = json!({"type": "topic", "durable": true});
        management.put(&format!("/api/exchanges/{vhost}/{}", segment(&self.prey())), &exchange)
    }

    /// Returns the name of its directed queue.
    pub(super) fn own_queue(&self) -> String {
        format!("{REQUESTS}.{}", self.name)
    }

    /// Returns the name of a queue and an exchange that it may not touch, and that nothing uses.
    pub(super) fn prey(&self) -> String {
        format!("{RESULTS}.{}", self.name)
    }

    /// Removes everything.
    pub(super) fn remove(mut self) -> Result<(), ManagementError> {
        self.is_removed = true;
        remove(&self.management, &self.name)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !self.is_removed
            && let Err(error) = remove(&self.management, &self.name)
        {
            warn!(user = %self.name, %error, "the audit's user may be left behind; the next audit removes it");
        }
    }
}

fn remove(management: &Management, name: &str) -> Result<(), ManagementError> {
    let vhost = management.vhost_segment();
    management.delete(&format!("/api/users/{}", segment(name)))?;
    management.delete(&format!("/api/connections/username/{}", segment(name)))?;
    for queue in [format!("{REQUESTS}.{name}"), format!("{RESULTS}.{name}")] {
        management.delete(&format!("/api/queues/{vhost}/{}", segment(&queue)))?;
    }
    let exchange = segment(&format!("{RESULTS}.{name}"));
    management.delete(&format!("/api/exchanges/{vhost}/{exchange}"))?;
    Ok(())
}

/// Removes what an audit that was killed has left behind.
pub(super) fn sweep(management: &Management) -> Result<(), ManagementError> {
    let users = management.get("/api/users?columns=name")?.unwrap_or_default();
    let names = users.as_array().into_iter().flatten();
    let names = names.filter_map(|user| user.get("name").and_then(Value::as_str));
    let now = Clock::system().now();
    for name in names.filter(|name| is_stale(name, now)) {
        remove(management, name)?;
    }
    Ok(())
}

fn is_stale(name: &str, now: Timestamp) -> bool {
    let made = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next());
    let made = made.and_then(|made| made.parse().ok()).map(Timestamp);
    made.is_some_and(|made| now.since_ms(made) > STALE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_guests_are_swept() {
        let now = Timestamp(1_800_000_000_000);
        let name = |age: i64| format!("{PREFIX}{}_abcd", now.0 - age);
        assert!(is_stale(&name(STALE_MS + 1), now));
        assert!(!is_stale(&name(1_000), now));
        for other in ["web-1-abcd", "muster", "muster_audit_x_y"] {
            assert!(!is_stale(other, now), "{other}");
        }
    }

    #[test]
    fn a_guest_is_never_an_agent() {
        assert!(muster_protocol::ids::AgentId::new(&format!("{PREFIX}1")).is_err());
    }
}
