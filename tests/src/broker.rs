//! A private RabbitMQ: own folder, own ports, own epmd, loopback only. Nothing of it outlives the test process.
//!
//! A watchdog holds the read end of a pipe whose other end only this process has: however the process ends,
//! the watchdog kills the broker and its epmd and removes the folder.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use muster_broker::{ConnectorConfig, Password};
use muster_runtime::retry::Policy;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::eventually::pause;

/// How long a broker may take to start on a busy machine.
const START_S: u64 = 120;
/// How often other ports are tried.
const PORT_TRIES: usize = 3;
/// How long a clean stop may take before it is made unclean.
const STOP_S: u64 = 30;
const ADMIN: &str = "admin";

/// What to do when there is no RabbitMQ.
const INSTALL: &str = "RabbitMQ is not installed: no /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin
  try: apt-get install --no-install-recommends rabbitmq-server   (3.10 or newer; its system service is not needed)";

/// One private broker.
#[derive(Debug)]
pub struct Broker {
    dir: PathBuf,
    sbin: PathBuf,
    ports: Ports,
    password: String,
    authority: Option<Authority>,
    server: Mutex<Option<Child>>,
    epmd: Mutex<Child>,
    watchdog: Mutex<Option<Child>>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    management: u16,
    amqp_tls: u16,
    management_tls: u16,
    distribution: u16,
    epmd: u16,
}

/// Returns the broker that all tests of this process share; it listens with TLS, too. Each test takes a [`Broker::vhost`] of its own.
///
/// # Panics
/// When there is no RabbitMQ or it does not start.
pub fn shared() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| Broker::try_start_as(true).unwrap_or_else(|why| panic!("{why}")))
}

impl Broker {
    /// Starts a broker and waits until it answers.
    ///
    /// # Panics
    /// When there is no RabbitMQ or it does not start.
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts a broker with further lines in its rabbitmq.conf, and waits until it answers.
    ///
    /// # Panics
    /// When there is no RabbitMQ or it does not start.
    pub fn start_with(lines: &str) -> Self {
        Self::try_start_with(false, lines).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts a broker with the settings that are shipped, but for the free space that it wants: the disk of a test
    /// machine may have less.
    ///
    /// # Panics
    /// When there is no RabbitMQ or it does not start.
    pub fn start_as_shipped() -> Self {
        let shipped = include_str!("../../compose/rabbitmq.conf");
        let lines = shipped.lines().filter(|line| !line.starts_with("disk_free_limit"));
        Self::start_with(&lines.fold(String::new(), |text, line| text + line + "\n"))
    }

    /// Starts a broker and waits until it answers; says what is missing when it cannot.
    pub fn try_start() -> Result<Self, String> {
        Self::try_start_as(false)
    }

    fn try_start_as(speaks_tls: bool) -> Result<Self, String> {
        Self::try_start_with(speaks_tls, "")
    }

    /// Starts a broker; on other ports when somebody took one of them between the choice and the start.
    fn try_start_with(speaks_tls: bool, lines: &str) -> Result<Self, String> {
        let mut started = Self::try_start_once(speaks_tls, lines);
        for _ in 0..PORT_TRIES {
            match started {
                Err(why) if why.contains("eaddrinuse") => {
                    started = Self::try_start_once(speaks_tls, lines);
                }
                _ => break,
            }
        }
        started
    }

    fn try_start_once(speaks_tls: bool, lines: &str) -> Result<Self, String> {
        let sbin = installed()?;
        let dir = tempfile::Builder::new().prefix("muster-broker-").tempdir().map_err(text)?.keep();
        let ports = Ports::free().map_err(text)?;
        let mut secret = [0; 12];
        getrandom::fill(&mut secret).map_err(text)?;
        let password = muster_protocol::hex::encode(&secret);
        write_config(&dir, ports, &password).map_err(text)?;
        append_config(&dir, lines).map_err(text)?;
        let authority = if speaks_tls { Some(add_tls(&dir, ports)?) } else { None };
        let epmd = start_epmd(&dir, ports)?;
        let watchdog = start_watchdog(&dir, epmd.id())?;
        let broker = Self {
            dir,
            sbin,
            ports,
            password,
            authority,
            server: Mutex::new(None),
            epmd: Mutex::new(epmd),
            watchdog: Mutex::new(Some(watchdog)),
        };
        broker.launch()?;
        broker.wait_ready()?;
        Ok(broker)
    }

    /// Returns the AMQP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Returns the address of the management API.
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.management)
    }

    /// Returns the AMQP port for TLS; the certificate is for `localhost`, not for its address.
    pub fn tls_port(&self) -> u16 {
        self.ports.amqp_tls
    }

    /// Returns the address of the management API over TLS.
    pub fn management_tls_url(&self) -> String {
        format!("https://localhost:{}", self.ports.management_tls)
    }

    /// Returns the certificate of the authority that signed the broker's.
    ///
    /// # Panics
    /// When this broker does not speak TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.authority.as_ref().expect("a broker that speaks TLS").file()
    }

    /// Returns the administrator's name.
    pub fn admin(&self) -> &'static str {
        ADMIN
    }

    /// Returns the administrator's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the folder with data, logs and configuration.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the process id of the Erlang machine while it runs.
    pub fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.dir.join("broker.pid")).ok()?.trim().parse().ok()
    }

    /// Kills the broker with SIGKILL, as a crash or a power cut would.
    pub fn kill9(&self) {
        let Some(mut server) = self.server().take() else { return };
        // The Erlang machine leaves the group of the script that starts it. Not there is what we want.
        let _gone = self.machine().map(|pid| kill_process(pid, Signal::KILL));
        let _gone = kill_process_group(Pid::from_child(&server), Signal::KILL);
        drop(server.wait());
        let deadline = Instant::now() + Duration::from_secs(STOP_S);
        while self.machine().is_some_and(is_running) && Instant::now() < deadline {
            pause(Duration::from_millis(20));
        }
        self.forget_pids();
    }

    fn machine(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid()?).ok()?)
    }

    /// Stops the broker cleanly; what does not stop in time is killed.
    pub fn stop(&self) {
        if let Some(pid) = self.machine() {
            let _gone = kill_process(pid, Signal::TERM);
            let deadline = Instant::now() + Duration::from_secs(STOP_S);
            while Instant::now() < deadline {
                let ended =
                    self.server().as_mut().is_none_or(|s| !matches!(s.try_wait(), Ok(None)));
                if ended {
                    break;
                }
                pause(Duration::from_millis(50));
            }
        }
        self.kill9();
    }

    /// Starts the broker again after [`Broker::stop`] or [`Broker::kill9`], on the same ports and data, and
    /// waits until it answers. Queues may still be recovering then, as on any broker.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        self.stop();
        self.launch().and_then(|()| self.wait_ready()).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Runs `rabbitmqctl` on this broker.
    ///
    /// # Panics
    /// When it fails.
    pub fn ctl(&self, arguments: &[&str]) {
        let mut command = Command::new(self.sbin.join("rabbitmqctl"));
        command.env_clear().envs(environment(&self.dir, self.ports)).current_dir(&self.dir);
        let output = command.args(arguments).stdin(Stdio::null()).output().expect("rabbitmqctl");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
    }

    /// Makes a virtual host with a name never used before, where the administrator may do everything.
    ///
    /// # Panics
    /// When the broker does not do it.
    pub fn vhost(&self) -> String {
        let name = format!("t-{}", uuid::Uuid::new_v4().simple());
        self.call("PUT", &format!("/api/vhosts/{name}"), &json!({}));
        self.grant(&name, ADMIN);
        name
    }

    /// Removes a virtual host with all that is in it.
    ///
    /// # Panics
    /// When the broker does not do it.
    pub fn drop_vhost(&self, name: &str) {
        self.call("DELETE", &format!("/api/vhosts/{name}"), &json!({}));
    }

    /// Lets a user do everything in a virtual host.
    ///
    /// # Panics
    /// When the broker does not do it.
    pub fn grant(&self, vhost: &str, user: &str) {
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.call("PUT", &format!("/api/permissions/{vhost}/{user}"), &all);
    }

    /// Makes the configuration of a link of the administrator, with short pauses.
    pub fn link(&self, vhost: &str) -> ConnectorConfig {
        self.link_as(vhost, ADMIN, &self.password)
    }

    /// Makes the configuration of a link of any user, with short pauses.
    pub fn link_as(&self, vhost: &str, user: &str, password: &str) -> ConnectorConfig {
        ConnectorConfig {
            host: "127.0.0.1".to_owned(),
            port: self.ports.amqp,
            vhost: vhost.to_owned(),
            user: user.to_owned(),
            password: Password::new(password),
            tls: false,
            ca_file: None,
            name: format!("test {user}"),
            heartbeat_s: ConnectorConfig::HEARTBEAT_S,
            frame_max: ConnectorConfig::FRAME_MAX_AGENT,
            body_bytes_max: muster_protocol::limits::AMQP_BODY_BYTES_MAX,
            backoff: Policy::growing(200, 1_000).spread(),
        }
    }

    /// Calls the management API as the administrator; `{}` when the answer is empty.
    ///
    /// # Panics
    /// When the broker refuses.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let address = format!("{}{path}", self.management_url());
        let login = BASE64.encode(format!("{ADMIN}:{}", self.password));
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(address)
            .header("authorization", format!("Basic {login}"))
            .header("content-type", "application/json");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let request = request.body(body).map_err(text)?;
        let client = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_mins(1)))
            .http_status_as_error(true)
            .build()
            .new_agent();
        let mut answer = client.run(request).map_err(text)?;
        let answer = answer.body_mut().read_to_string().map_err(text)?;
        Ok(serde_json::from_str(&answer).unwrap_or_else(|_| json!({})))
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self) -> Result<(), String> {
        let log = File::create(self.dir.join("console.log")).map_err(text)?;
        let errors = log.try_clone().map_err(text)?;
        let mut command = Command::new(self.sbin.join("rabbitmq-server"));
        command.env_clear().envs(environment(&self.dir, self.ports)).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        let child = command.spawn().map_err(text)?;
        fs::write(self.dir.join("group.pid"), child.id().to_string()).map_err(text)?;
        *self.server() = Some(child);
        Ok(())
    }

    fn wait_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(START_S);
        loop {
            let listens = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            let open = listens(self.ports.amqp)
                && (self.authority.is_none() || listens(self.ports.amqp_tls));
            if open && self.try_call("GET", "/api/overview", &json!({})).is_ok() {
                return Ok(());
            }
            let ended = self.server().as_mut().is_none_or(|s| !matches!(s.try_wait(), Ok(None)));
            if ended || Instant::now() > deadline {
                let said = fs::read_to_string(self.dir.join("console.log")).unwrap_or_default();
                let said: Vec<_> = said.lines().rev().take(20).collect();
                let said: Vec<_> = said.into_iter().rev().collect();
                return Err(format!("RabbitMQ did not start; it said:\n{}", said.join("\n")));
            }
            pause(Duration::from_millis(50));
        }
    }

    fn forget_pids(&self) {
        drop(fs::remove_file(self.dir.join("group.pid")));
        drop(fs::remove_file(self.dir.join("broker.pid")));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
        let mut epmd = self.epmd.lock().unwrap_or_else(PoisonError::into_inner);
        drop(epmd.kill());
        drop(epmd.wait());
        // Closing the pipe sends the watchdog to its work: only the folder is left to it.
        let watchdog = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut watchdog) = watchdog {
            drop(watchdog.stdin.take());
            drop(watchdog.wait());
        }
    }
}

/// Returns whether a process holds anything still: its first thread may be a zombie while others are ending.
fn is_running(pid: Pid) -> bool {
    let process = format!("/proc/{}", pid.as_raw_nonzero());
    let threads = fs::read_dir(format!("{process}/task")).map_or(0, Iterator::count);
    let stat = fs::read_to_string(format!("{process}/stat"));
    stat.is_ok_and(|stat| threads > 1 || !stat.contains(") Z "))
}

/// Finds the newest installed RabbitMQ. Not `/usr/sbin/rabbitmq-server`: that one changes user and folders.
fn installed() -> Result<PathBuf, String> {
    let folder = Path::new("/usr/lib/rabbitmq/lib");
    let entries = fs::read_dir(folder).map_err(|_| INSTALL.to_owned())?;
    let names = entries.flatten().map(|entry| entry.path());
    let mut found: Vec<_> = names
        .filter(|path| path.to_string_lossy().contains("rabbitmq_server-"))
        .map(|path| path.join("sbin"))
        .filter(|path| path.join("rabbitmq-server").is_file())
        .collect();
    found.sort();
    found.pop().ok_or_else(|| INSTALL.to_owned())
}

impl Ports {
    fn free() -> std::io::Result<Self> {
        let held: Vec<_> =
            (0..6).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let port = |n: usize| held[n].local_addr().map(|address| address.port());
        Ok(Self {
            amqp: port(0)?,
            management: port(1)?,
            distribution: port(2)?,
            epmd: port(3)?,
            amqp_tls: port(4)?,
            management_tls: port(5)?,
        })
    }
}

fn write_config(dir: &Path, ports: Ports, password: &str) -> std::io::Result<()> {
    let config = format!(
        "listeners.tcp.1 = 127.0.0.1:{}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {}\n\
         default_user = {ADMIN}\n\
         default_pass = {password}\n\
         collect_statistics_interval = 1000\n\
         max_message_size = 134217728\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n",
        ports.amqp, ports.management,
    );
    fs::write(dir.join("rabbitmq.conf"), config)?;
    fs::write(dir.join("advanced.config"), "[].\n")?;
    fs::write(dir.join("enabled_plugins"), "[rabbitmq_management].\n")
}

fn append_config(dir: &Path, lines: &str) -> std::io::Result<()> {
    let mut open = File::options().append(true).open(dir.join("rabbitmq.conf"))?;
    std::io::Write::write_all(&mut open, lines.as_bytes())
}

/// Makes an authority and a certificate, and lets the broker listen with it.
fn add_tls(dir: &Path, ports: Ports) -> Result<Authority, String> {
    let authority = Authority::make(&dir.join("tls"))?;
    let (cert, key) = authority.issue("broker", "DNS:localhost")?;
    let mut config = format!(
        "listeners.ssl.1 = 127.0.0.1:{}\n\
         management.ssl.ip = 127.0.0.1\n\
         management.ssl.port = {}\n\
         ssl_options.verify = verify_none\n\
         ssl_options.fail_if_no_peer_cert = false\n",
        ports.amqp_tls, ports.management_tls,
    );
    let files = [("cacertfile", authority.file()), ("certfile", cert), ("keyfile", key)];
    for (word, file) in files {
        for of in ["ssl_options", "management.ssl"] {
            writeln!(config, "{of}.{word} = {}", file.display()).map_err(text)?;
        }
    }
    append_config(dir, &config).map_err(text)?;
    Ok(authority)
}

fn environment(dir: &Path, ports: Ports) -> Vec<(&'static str, String)> {
    let file = |name: &str| dir.join(name).display().to_string();
    vec![
        ("HOME", dir.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("RABBITMQ_NODENAME", format!("muster{}@localhost", ports.amqp)),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", ports.amqp.to_string()),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("ERL_EPMD_PORT", ports.epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_MNESIA_BASE", file("mnesia")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        ("RABBITMQ_CONF_ENV_FILE", file("none.conf")),
        ("RABBITMQ_PID_FILE", file("broker.pid")),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
    ]
}

/// Starts the broker's own name server in the foreground, so that it is a child and can be ended.
fn start_epmd(dir: &Path, ports: Ports) -> Result<Child, String> {
    let mut command = Command::new("epmd");
    command.args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"]);
    command.current_dir(dir).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| format!("cannot start epmd: {error}\n{INSTALL}"))
}

fn start_watchdog(dir: &Path, epmd: u32) -> Result<Child, String> {
    // `cat` returns when the pipe's other end is closed. The group file is gone when the broker was stopped.
    let script = "cat >/dev/null\n\
         pid=$(cat \"$1/broker.pid\" 2>/dev/null) && kill -9 \"$pid\" 2>/dev/null\n\
         group=$(cat \"$1/group.pid\" 2>/dev/null) && kill -9 -- \"-$group\" 2>/dev/null\n\
         case $(cat \"/proc/$2/comm\" 2>/dev/null) in epmd) kill -9 \"$2\";; esac\n\
         rm -rf \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "watchdog"]).arg(dir).arg(epmd.to_string());
    command.process_group(0).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(text)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: impl ToString) -> String {
    error.to_string()
}
