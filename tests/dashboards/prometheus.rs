//! A real Prometheus, in a folder of its own, on loopback.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::eventually::eventually;

const START: Duration = Duration::from_secs(30);

/// One that scrapes; it ends with this value.
#[derive(Debug)]
pub struct Prometheus {
    folder: tempfile::TempDir,
    url: String,
    process: Child,
}

/// One series of an answer.
#[derive(Debug)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The figure.
    pub value: f64,
}

impl Series {
    /// Returns the metric's name.
    pub fn name(&self) -> &str {
        self.labels.get("__name__").map(String::as_str).unwrap_or_default()
    }
}

impl Prometheus {
    /// Starts one with a shipped configuration, at the pace of a test, and what must lie beside it.
    pub fn start(configuration: &Path, token: &Path, url: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let text = fs::read_to_string(configuration).expect("prometheus.yml");
        let (slow, fast) = (
            ["scrape_interval: 10s", "scrape_timeout: 5s"],
            ["scrape_interval: 1s", "scrape_timeout: 1s"],
        );
        assert!(slow.iter().all(|line| text.contains(line)), "{text}");
        let text = text.replace(slow[0], fast[0]).replace(slow[1], fast[1]);
        fs::write(path("prometheus.yml"), text).expect("prometheus.yml");
        fs::copy(token, path("metrics.token")).expect("the token");
        let target = url.trim_start_matches("http://");
        let targets = json!([{"targets": [target]}]).to_string();
        fs::write(path("targets.json"), targets).expect("targets.json");

        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = listener.local_addr().expect("its address").to_string();
        drop(listener);
        let log = File::create(path("log")).expect("a log");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg(format!("--web.listen-address={listen}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect(
                "this test needs prometheus: apt-get install --no-install-recommends prometheus",
            );
        let prometheus = Self { folder, url: format!("http://{listen}"), process };
        eventually("Prometheus is ready", START, || {
            let ready = ureq::get(format!("{}/-/ready", prometheus.url)).call();
            ready.map(drop).map_err(|error| format!("{error}\n{}", prometheus.said()))
        });
        prometheus
    }

    /// Answers a query, as of now.
    pub fn ask(&self, query: &str) -> Result<Vec<Series>, String> {
        let answer = self.get("/api/v1/query", &[("query", query)])?;
        let result = answer["data"]["result"].as_array().ok_or_else(|| answer.to_string())?;
        result.iter().map(|one| series(one).ok_or_else(|| one.to_string())).collect()
    }

    /// Returns what it scrapes, and how that goes.
    pub fn targets(&self) -> String {
        self.get("/api/v1/targets", &[]).map_or_else(|why| why, |answer| answer.to_string())
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let client = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut request = client.get(format!("{}{path}", self.url));
        for (name, value) in query {
            request = request.query(*name, *value);
        }
        let mut answer = request.call().map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        // A query that is wrong is wrong permanently: no use in asking again.
        assert!(answer.status().is_success(), "{query:?}: {text}");
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn series(one: &Value) -> Option<Series> {
    let labels = one["metric"].as_object()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let labels = labels.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
    Some(Series { labels: labels.collect(), value: one["value"][1].as_str()?.parse().ok()? })
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- prometheus\n{}", self.said());
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
