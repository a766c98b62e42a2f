//! `muster init`: makes a fleet. Nothing that is there is ever overwritten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_broker::tls::Authorities;
use muster_broker::{BrokerConfig, broker_address};
use muster_protocol::address::Address;
use muster_protocol::clock::Clock;
use muster_protocol::hex;
use muster_runtime::secret;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Context;
use crate::args::Init;
use crate::failure::{Exit, Failure};
use crate::keys::{Operator, Root};
use crate::private;
use muster_server::config::Tls;
use muster_server::tls::Identity;

/// The file names of a fleet's folder.
const FILES: [&str; 7] = [
    "root.key",
    "operator.key",
    "token",
    "metrics.token",
    "broker.password",
    "coordinator.toml",
    "ca.pem",
];

/// The coordinator's configuration as it is first written.
#[derive(Serialize)]
struct ConfigFile {
    fleet: String,
    root: String,
    listen: String,
    data_dir: &'static str,
    management_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
    broker: BrokerConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    tokens: Vec<BTreeMap<&'static str, String>>,
}

pub(crate) fn run(context: &Context, flags: &Init) -> Result<Exit, Failure> {
    let dir = &context.settings.dir;
    check_name(&flags.operator)?;
    refuse_overwrite(dir)?;
    let password = password(flags)?;
    let root = Root::generate()?;
    let operator = root.operator(&flags.operator, Clock::system().now())?;
    let (token, metrics_token) = (random_hex()?, random_hex()?);
    let authority = context.settings.ca_given().map(read_authority).transpose()?;
    let config = config(flags, &operator, (&token, &metrics_token))?;

    private::folder(dir)?;
    root.write(&dir.join("root.key"))?;
    operator.write(&dir.join("operator.key"))?;
    private::write(&dir.join("token"), format!("{token}\n").as_bytes())?;
    private::write(&dir.join("metrics.token"), format!("{metrics_token}\n").as_bytes())?;
    private::write(&dir.join("broker.password"), format!("{password}\n").as_bytes())?;
    private::write(&dir.join("coordinator.toml"), config.as_bytes())?;
    if let Some(pem) = authority {
        private::write(&dir.join("ca.pem"), pem.as_bytes())?;
    }
    say_what_is_open(context, flags);
    say_what_next(context, flags, &root);
    Ok(Exit::Done)
}

fn read_authority(path: &Path) -> Result<String, Failure> {
    authority_file(path, "--ca-file")?;
    private::read_list(path)
}

fn authority_file(path: &Path, flag: &str) -> Result<(), Failure> {
    Authorities::read(Some(path)).map(drop).map_err(|error| {
        let next = format!("{flag} takes the certificate (PEM) of the authority that signs");
        Failure::usage("cannot use this certificate authority", error, &next)
    })
}

fn check_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        let cause = "it is empty, longer than 64 bytes or has control characters";
        return Err(Failure::usage("cannot use this operator name", cause, "--operator ann"));
    }
    Ok(())
}

fn refuse_overwrite(dir: &Path) -> Result<(), Failure> {
    for name in FILES {
        let path = dir.join(name);
        let is_there = path.try_exists().map_err(|e| Failure::file("look at", &path, &e))?;
        if is_there {
            let what = format!("there is a fleet in {} already", dir.display());
            let cause =
                format!("{name} would be overwritten, and a lost root key cannot be replaced");
            return Err(Failure::usage(what, cause, "muster init --dir ANOTHER"));
        }
    }
    Ok(())
}

/// Takes the broker password that was given, or makes one.
fn password(flags: &Init) -> Result<String, Failure> {
    let Some(path) = &flags.broker_password_file else { return random_hex() };
    let bytes = private::bytes(path)?;
    let name = path.display().to_string();
    let password = secret::of_bytes(&name, &bytes).map_err(|cause| {
        let next = "put the password into the file, as its only line";
        Failure::usage("this is not a password file", cause, next)
    })?;
    Ok(password.to_string())
}

fn random_hex() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Failure::bug("no randomness", e))?;
    Ok(hex::encode(&bytes))
}

/// TLS is the rule; the exceptions are this machine and whoever asked for none.
fn speaks_tls(flags: &Init) -> bool {
    let is_asked_for = flags.broker_tls || flags.broker_ca_file.is_some();
    is_asked_for || !(flags.broker_plain || flags.broker_host.is_loopback())
}

fn management_url(flags: &Init, tls: bool) -> String {
    let host = Address { port: None, ..flags.broker_host.clone() };
    if tls { format!("https://{host}:15671") } else { format!("http://{host}:15672") }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::file("find", path, &e))
}

fn certificate(flags: &Init) -> Result<Option<Tls>, Failure> {
    let (Some(cert), Some(key)) = (&flags.tls_cert, &flags.tls_key) else { return Ok(None) };
    let tls = Tls { cert: absolute(cert)?, key: absolute(key)? };
    Identity::read(&tls.cert, &tls.key).map_err(|error| {
        let next = "--tls-cert takes the chain of certificates, --tls-key the key of its first";
        Failure::usage("the API cannot be served with these", error, next)
    })?;
    Ok(Some(tls))
}

fn config(
    flags: &Init,
    operator: &Operator,
    (operators, prometheus): (&str, &str),
) -> Result<String, Failure> {
    let ca_file = flags.broker_ca_file.as_deref().map(absolute).transpose()?;
    if let Some(path) = &ca_file {
        authority_file(path, "--broker-ca-file")?;
    }
    let tls = speaks_tls(flags);
    let (host, port) = broker_address(&flags.broker_host.to_string(), flags.broker_port, tls)
        .map_err(|cause| {
            let next = "--broker-host HOST, --broker-port PORT";
            Failure::usage("cannot use this broker address", cause, next)
        })?;
    let broker = BrokerConfig {
        host,
        port,
        vhost: flags.broker_vhost.clone(),
        user: flags.broker_user.clone(),
        password_file: PathBuf::from("broker.password"),
        tls,
        ca_file,
    };
    let management_url = flags.management_url.clone().unwrap_or_else(|| management_url(flags, tls));
    let token = |name: &str, token: &str, role: &str| {
        let digest = hex::encode(&Sha256::digest(token));
        BTreeMap::from([("name", name.to_owned()), ("sha256", digest), ("role", role.to_owned())])
    };
    let file = ConfigFile {
        fleet: operator.fleet.to_string(),
        root: hex::encode(&operator.root),
        listen: flags.listen.clone(),
        data_dir: "data",
        management_url,
        hosts: flags.hosts.clone(),
        broker,
        tls: certificate(flags)?,
        tokens: vec![
            token(&operator.name, operators, "admin"),
            token("prometheus", prometheus, "metrics"),
        ],
    };
    toml::to_string(&file).map_err(|e| Failure::bug("cannot write the configuration", e))
}

/// Says what can be read on the way.
fn say_what_is_open(context: &Context, flags: &Init) {
    let host = &flags.broker_host;
    if !speaks_tls(flags) && !host.is_loopback() {
        context.out.note(&format!(
            "warning: passwords, requests and results travel to {host} and back in the clear (--broker-plain)"
        ));
    }
    let is_here = flags.listen.parse::<Address>().is_ok_and(|address| address.is_loopback());
    if flags.tls_cert.is_none() && !is_here {
        context.out.note(&format!(
            "warning: tokens and results travel to and from {} in the clear; give --tls-cert and --tls-key",
            flags.listen
        ));
    }
}

fn say_what_next(context: &Context, flags: &Init, root: &Root) {
    let dir = context.settings.dir.display();
    let user = &flags.broker_user;
    let say = |text: &str| context.out.note(text);
    say(&format!("fleet {} is in {dir}", root.fleet));
    say(&format!(
        "  {dir}/root.key        take it offline: only `trust revoke` and new operators need it"
    ));
    say(&format!("  {dir}/operator.key    signs requests; keep it with the operator"));
    say(&format!("  {dir}/metrics.token   lets Prometheus read /metrics, and nothing else"));
    say("next:");
    if flags.broker_password_file.is_none() {
        say("  give the coordinator its broker user (as root on the broker's machine):");
        say(&format!("    rabbitmqctl add_user {user} < {dir}/broker.password"));
        say(&format!("    rabbitmqctl set_user_tags {user} administrator"));
        let vhost = &flags.broker_vhost;
        say(&format!("    rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'"));
    }
    say(&format!("  export MUSTER_DIR={dir}"));
    say("  muster broker apply && muster serve");
    say("  muster agents enrol NAME --out bundles");
}
