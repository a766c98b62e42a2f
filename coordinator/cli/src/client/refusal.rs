//! What did not go well with an answer, as a failure with its exit code.

use muster_api::ErrorBody;

use crate::failure::{Exit, Failure};

/// Reads the API's error document.
pub(super) fn refused(status: u16, text: &str, url: &str) -> Failure {
    if (300..400).contains(&status) {
        return redirected(status);
    }
    let exit = match status {
        400 | 404 | 405 | 413 | 414 | 415 => Exit::Usage,
        401 | 403 | 421 => Exit::Refused,
        408 | 504 => Exit::TimedOut,
        409 | 425 | 429 => Exit::TryAgain,
        422 => Exit::NothingMatched,
        501..=503 | 507 => Exit::Unavailable,
        _ => Exit::Bug,
    };
    // What is not the API's is another program's answer, and the status is all that it tells.
    let body = serde_json::from_str::<ErrorBody>(text).ok();
    let (error, cause, next) = body.map_or_else(Default::default, |b| (b.error, b.cause, b.next));
    let or = |text: String, other: String| if text.is_empty() { other } else { text };
    let usual = match exit {
        Exit::Refused => "give the right token: --token-file FILE or MUSTER_TOKEN",
        Exit::TryAgain => "repeat the command",
        Exit::Unavailable => "muster doctor",
        Exit::Usage | Exit::NothingMatched => "add --help to the command",
        _ => "look into the coordinator's log",
    };
    Failure {
        error: or(error, format!("the coordinator at {url} refused")),
        cause: or(cause, format!("HTTP status {status}")),
        next: or(next, usual.to_owned()),
        exit,
    }
}

/// Reports a redirect: none is followed, for the token would go with it.
pub(in super::super) fn redirected(status: u16) -> Failure {
    let cause = format!("it answers with a redirect ({status}), and none is followed");
    let what = "what answers is not the coordinator itself";
    Failure::new(Exit::Unavailable, what, cause, "check --url or MUSTER_URL")
}

/// Reports an answer that ended early.
pub(super) fn cut(url: &str, error: &std::io::Error) -> Failure {
    let what = format!("the answer of {url} was cut off");
    Failure::new(Exit::Unavailable, what, error, "repeat the command; check the coordinator's log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_exit_codes() {
        let document = r#"{"error":"no agent matches","cause":"0 of 4","try":"look","code":3}"#;
        let failure = refused(422, document, "http://x");
        assert_eq!(failure.exit, Exit::NothingMatched);
        assert_eq!((failure.error.as_str(), failure.next.as_str()), ("no agent matches", "look"));
        assert_eq!(refused(401, "", "u").exit, Exit::Refused);
        assert_eq!(refused(409, "", "u").exit, Exit::TryAgain);
        assert_eq!(refused(501, "", "u").exit, Exit::Unavailable);
        assert_eq!(refused(503, "", "u").exit, Exit::Unavailable);
        assert_eq!(refused(500, "<html>", "u").exit, Exit::Bug);
        let failure = refused(307, "", "u");
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.cause.contains("redirect (307)"), "{}", failure.cause);
    }
}
