//! `muster init`: makes a fleet. Nothing that is there is ever overwritten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::amqp::BrokerConfig;
use common::clock::Clock;
use common::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Context;
use super::args::Init;
use super::failure::{Exit, Failure};
use super::keys::{Operator, Root};
use super::private;

/// The file names of a fleet's folder.
const FILES: [&str; 5] =
    ["root.key", "operator.key", "token", "broker.password", "coordinator.toml"];
const PORT: u16 = 5672;
const PORT_TLS: u16 = 5671;

/// The coordinator's configuration as it is first written.
#[derive(Serialize)]
struct ConfigFile {
    fleet: String,
    root: String,
    listen: String,
    data_dir: &'static str,
    management_url: String,
    broker: BrokerConfig,
    tokens: Vec<BTreeMap<&'static str, String>>,
}

pub(super) fn run(context: &Context, flags: &Init) -> Result<Exit, Failure> {
    let dir = &context.settings.dir;
    check_name(&flags.operator)?;
    refuse_overwrite(dir)?;
    let password = password(flags)?;
    let root = Root::generate()?;
    let operator = root.operator(&flags.operator, Clock::system().now())?;
    let token = random_hex()?;
    let config = config(flags, &operator, &token)?;

    private::folder(dir)?;
    root.write(&dir.join("root.key"))?;
    operator.write(&dir.join("operator.key"))?;
    private::write(&dir.join("token"), format!("{token}\n").as_bytes())?;
    private::write(&dir.join("broker.password"), format!("{password}\n").as_bytes())?;
    private::write(&dir.join("coordinator.toml"), config.as_bytes())?;
    say_what_next(context, flags, &root);
    Ok(Exit::Done)
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
    let password = private::read(path)?.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        let what = format!("{} is empty", path.display());
        return Err(Failure::usage(
            what,
            "the broker wants a password",
            "put the password into the file",
        ));
    }
    Ok(password)
}

fn random_hex() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Failure::bug("no randomness", e))?;
    Ok(hex::encode(&bytes))
}

fn config(flags: &Init, operator: &Operator, token: &str) -> Result<String, Failure> {
    let ca_file = match &flags.broker_ca_file {
        Some(path) => Some(std::path::absolute(path).map_err(|e| Failure::file("find", path, &e))?),
        None => None,
    };
    let broker = BrokerConfig {
        host: flags.broker_host.clone(),
        port: flags.broker_port.unwrap_or(if flags.broker_tls { PORT_TLS } else { PORT }),
        vhost: flags.broker_vhost.clone(),
        user: flags.broker_user.clone(),
        password_file: PathBuf::from("broker.password"),
        tls: flags.broker_tls,
        ca_file,
    };
    let management_url = flags
        .management_url
        .clone()
        .unwrap_or_else(|| format!("http://{}:15672", flags.broker_host));
    let token = BTreeMap::from([
        ("name", operator.name.clone()),
        ("sha256", hex::encode(&Sha256::digest(token))),
    ]);
    let file = ConfigFile {
        fleet: operator.fleet.to_string(),
        root: hex::encode(&operator.root),
        listen: flags.listen.to_string(),
        data_dir: "data",
        management_url,
        broker,
        tokens: vec![token],
    };
    toml::to_string(&file).map_err(|e| Failure::bug("cannot write the configuration", e))
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
