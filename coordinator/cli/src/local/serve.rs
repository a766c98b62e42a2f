//! `muster serve`: runs the coordinator until a signal.

use muster_runtime::lock::LockError;
use muster_runtime::trace;
use tokio::signal::unix::{SignalKind, signal};

use super::broker::configuration;
use crate::Context;
use crate::args::Serve;
use crate::failure::{Exit, Failure};
use muster_server::serve::{ServeError, serve};
use muster_server::store::StoreError;

pub(crate) fn run(context: &Context, flags: &Serve) -> Result<Exit, Failure> {
    let format = if flags.log_json { trace::Format::Json } else { trace::Format::Text };
    trace::start(&context.environment.log, format, muster_broker::LOG_TARGET);
    let config = configuration(&context.settings.config(flags.config.as_deref()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bug("cannot start the runtime", error))?;
    runtime.block_on(Box::pin(serve(config, stopped()))).map_err(failed)?;
    Ok(Exit::Done)
}

/// Resolves at the first SIGTERM or ctrl-c.
async fn stopped() {
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn failed(error: ServeError) -> Failure {
    let (what, next) = match &error {
        ServeError::PortInUse { .. } => (
            "the coordinator cannot start",
            "stop the other one, or change `listen` in coordinator.toml",
        ),
        ServeError::Listen { .. } => {
            ("the coordinator cannot start", "check `listen` in coordinator.toml")
        }
        ServeError::Store(StoreError::Lock(LockError::Taken { .. })) => {
            ("the coordinator cannot start", "stop the other one, or use a data_dir of its own")
        }
        ServeError::Store(StoreError::Lock(LockError::Unsupported { .. })) => {
            ("the coordinator cannot start", "move data_dir to a local disk")
        }
        ServeError::Store(StoreError::Version { .. }) => {
            ("the store is of another version", "use the version that made it, or another data_dir")
        }
        ServeError::Store(_) => {
            ("the store cannot be opened", "check data_dir: its owner, its disk")
        }
        ServeError::HostedInClear { .. } => (
            "the coordinator cannot start",
            "set cert and key in [tls] of coordinator.toml, or listen on 127.0.0.1, or take `hosted` out of [console]",
        ),
        ServeError::Tls(_) => {
            ("the coordinator cannot start", "check cert and key in [tls] of coordinator.toml")
        }
        ServeError::Broker(_) => {
            ("the broker's configuration cannot be used", "see [broker] in coordinator.toml")
        }
    };
    let exit = match &error {
        ServeError::HostedInClear { .. } | ServeError::Tls(_) | ServeError::Broker(_) => {
            Exit::Usage
        }
        _ => Exit::Unavailable,
    };
    Failure::new(exit, what, error, next)
}
