//! Logs: to stderr, `MUSTER_LOG` filters, JSON on demand.

use tracing_subscriber::EnvFilter;

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to stderr. `filter` is in `tracing`'s syntax (`info`, `agent=debug`); one that does not
/// parse counts as `info`. A second call changes nothing.
pub fn start(filter: &str, format: Format) {
    // What the client library calls an error is told by us, with what to do; who wants its own words names it.
    let client = crate::amqp::LOG_TARGET;
    let quiet = |filter: &str| format!("{filter},{client}=off");
    let filter = if filter.contains(client) { filter.to_owned() } else { quiet(filter) };
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(quiet("info")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        Format::Text => builder.with_ansi(false).try_init(),
        Format::Json => builder.json().try_init(),
    };
    drop(started);
}
