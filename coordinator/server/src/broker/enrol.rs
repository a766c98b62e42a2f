//! One agent at the broker: a directed queue and a user that may do nothing but what an agent does.
//!
//! One or thousands take the same way, RabbitMQ's import of definitions: each call is one bounded batch, and
//! passwords travel as salted hashes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use muster_broker::Password;
use muster_protocol::ids::AgentId;
use muster_protocol::limits;
use muster_protocol::limits::AGENT_CONNECTIONS_MAX;
use muster_protocol::topology;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::apply::{arguments, queue_path};
use super::management::{Management, ManagementError, segment};

const PASSWORD_BYTES: usize = 24;
const SALT_BYTES: usize = 4;

/// What an agent's bundle needs to know.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The agent, whose id is also its user name.
    pub agent: AgentId,
    /// The password; it is nowhere else.
    pub password: Password,
}

/// Makes a queue and a user for each of these new agents. Ids are never used twice: a user that exists
/// gets a new password.
pub fn enrol(
    management: &Management,
    agents: &[AgentId],
) -> Result<Vec<Credentials>, ManagementError> {
    let mut all = Vec::with_capacity(agents.len());
    for batch in agents.chunks(limits::ENROL_BATCH_AGENTS) {
        let credentials = batch.iter().map(credentials).collect::<Result<Vec<_>, _>>()?;
        management.post("/api/definitions", &definitions(management.vhost(), &credentials)?)?;
        all.extend(credentials);
    }
    Ok(all)
}

/// What a revocation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Whether the user was there.
    pub user: bool,
    /// Whether the queue was there.
    pub queue: bool,
}

/// Takes an agent's rights back: deletes its user, closes its connections at once, deletes its queue.
pub fn revoke(management: &Management, agent: &AgentId) -> Result<Revoked, ManagementError> {
    // The user first: what is closed must not come back.
    let user = management.delete(&format!("/api/users/{}", segment(agent.as_str())))?;
    management.delete(&format!("/api/connections/username/{}", segment(agent.as_str())))?;
    let queue = management.delete(&queue_path(management, &topology::directed_queue(agent)))?;
    Ok(Revoked { user, queue })
}

fn credentials(agent: &AgentId) -> Result<Credentials, ManagementError> {
    let password = URL_SAFE_NO_PAD.encode(random::<PASSWORD_BYTES>()?);
    Ok(Credentials { agent: agent.clone(), password: Password::new(&password) })
}

fn random<const N: usize>() -> Result<[u8; N], ManagementError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| ManagementError::Unexpected {
        what: "the system's randomness".to_owned(),
        cause: error.to_string(),
    })?;
    Ok(bytes)
}

fn definitions(vhost: &str, agents: &[Credentials]) -> Result<Value, ManagementError> {
    let (mut users, mut permissions) = (Vec::new(), Vec::new());
    let (mut topic_permissions, mut queues) = (Vec::new(), Vec::new());
    for one in agents {
        users.push(json!({
            "name": one.agent.as_str(),
            "password_hash": hash(one.password.reveal(), random()?),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "",
            "limits": limits_of_user(AGENT_CONNECTIONS_MAX).into_iter().collect::<BTreeMap<_, _>>(),
        }));
        let (rights, topic_rights) = rights(vhost, &one.agent);
        permissions.push(rights);
        topic_permissions.push(topic_rights);
        queues.push(queue(vhost, &one.agent));
    }
    Ok(json!({
        "users": users,
        "permissions": permissions,
        "topic_permissions": topic_permissions,
        "queues": queues,
    }))
}

/// Returns what a user of an agent may use of the broker.
pub(super) fn limits_of_user(connections: u32) -> [(&'static str, u32); 2] {
    [("max-connections", connections), ("max-channels", limits::AGENT_CHANNELS_MAX)]
}

/// Returns the rights of an agent's user, and those on routing keys, as an import of definitions takes them.
pub(super) fn rights(vhost: &str, agent: &AgentId) -> (Value, Value) {
    let rights = topology::agent_permissions(agent);
    let user = agent.as_str();
    let permissions = json!({
        "user": user, "vhost": vhost,
        "configure": rights.configure, "write": rights.write, "read": rights.read,
    });
    let topic_permissions = json!({
        "user": user, "vhost": vhost, "exchange": topology::RESULTS,
        "write": rights.topic_write, "read": "^$",
    });
    (permissions, topic_permissions)
}

/// Returns an agent's own queue, as an import of definitions takes it.
pub(super) fn queue(vhost: &str, agent: &AgentId) -> Value {
    let queue = topology::directed(agent);
    json!({
        "name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false,
        "arguments": arguments(&queue),
    })
}

/// RabbitMQ's form of a password: salt, then SHA-256 of salt and password, in base64.
fn hash(password: &str, salt: [u8; SALT_BYTES]) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
    BASE64.encode([salt.as_slice(), digest.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_hash_is_salt_then_digest() {
        let bytes = BASE64.decode(hash("test12", [0x90, 0x8d, 0xc6, 0x0a])).unwrap();
        assert_eq!(bytes.len(), 36);
        assert_eq!(bytes[..4], [0x90, 0x8d, 0xc6, 0x0a]);
        let digest = Sha256::digest(b"\x90\x8d\xc6\x0atest12");
        assert_eq!(bytes[4..], digest[..]);
    }

    #[test]
    fn an_agent_may_read_its_own_queue_only() {
        let agent = AgentId::new("web-1").unwrap();
        let one = credentials(&agent).unwrap();
        let document = definitions("/", std::slice::from_ref(&one)).unwrap();
        assert_eq!(document["permissions"][0]["read"], r"^requests(\.web-1)?$");
        assert_eq!(document["permissions"][0]["configure"], "^$");
        assert!(!document.to_string().contains(one.password.reveal()));
    }
}
