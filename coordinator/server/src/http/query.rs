//! Query parameters of a closed set: one that is not known, or does not read, is 400 and says so.

use muster_protocol::clock::Timestamp;
use muster_protocol::limits::SEARCH_TEXT_BYTES_MAX;
use muster_protocol::request::Target;
use muster_protocol::request::target::{Matcher, TargetError};
use muster_protocol::when::Moment;

use super::error::ApiError;

/// Reads a target expression that filters a list.
pub fn target(expr: Option<&str>) -> Result<Option<Matcher>, ApiError> {
    let Some(expr) = expr else { return Ok(None) };
    let target = Target { expr: expr.to_owned(), sample_ppm: None };
    target.matcher().map(Some).map_err(|error| no_target(&error))
}

/// 400: the expression does not parse, and where.
fn no_target(error: &TargetError) -> ApiError {
    let next = "label:k=v, id:A, host:GLOB, os:X, arch:X, version:GLOB, joined by and, or, not";
    ApiError::usage("this is no target", error.to_string(), next)
}

/// Reads a text that a list is searched for, as it is compared: in lower case.
pub fn search(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.len() > SEARCH_TEXT_BYTES_MAX => {
            let cause = format!("q has {} bytes", text.len());
            let next = format!("at most {SEARCH_TEXT_BYTES_MAX} bytes");
            Err(ApiError::usage("cannot search for that much text", cause, &next))
        }
        Some(text) => Ok(Some(text.to_lowercase()).filter(|text| !text.is_empty())),
        None => Ok(None),
    }
}

/// Refuses a format that there is not.
pub fn no_format(what: &str, asked: &str, choices: &str) -> ApiError {
    let shown: String = asked.chars().take(60).collect();
    ApiError::usage(what, format!("format is {shown:?}"), choices)
}

/// Reads a moment: how long ago, or RFC 3339. A length of time has its unit: `2026` alone is more likely a year.
pub fn moment(
    name: &str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let moment = Moment::with_unit(text).map_err(|why| {
        let next = "how long ago, as 15m or 7d, or a moment as 2026-01-02T03:04:05Z";
        ApiError::usage(format!("{name} is no moment"), why, next)
    })?;
    Ok(Some(moment.resolve(now)))
}

/// Reads a parameter that is 1 or 0.
pub fn is_set(name: &str, text: Option<&str>) -> Result<bool, ApiError> {
    match text {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(text) => {
            let shown: String = text.chars().take(60).collect();
            let what = format!("{name} is 1 or 0");
            Err(ApiError::usage(what, format!("it is {shown:?}"), "leave it out, or give 1"))
        }
    }
}

/// Reads words of a closed set, joined by commas.
pub fn words<W: Copy>(
    name: &str,
    text: Option<&str>,
    known: &[(&str, W)],
) -> Result<Option<Vec<W>>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = |word: &str| {
        let found = known.iter().find(|(known, _)| *known == word);
        found.map(|(_, word)| *word).ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|(known, _)| *known).collect();
            let shown: String = word.chars().take(60).collect();
            let next = format!("some of {}, joined by commas", names.join(", "));
            ApiError::usage(format!("{name} has another word"), format!("it is {shown:?}"), &next)
        })
    };
    text.split(',').map(read).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_of_a_closed_set() {
        let known = [("live", 1), ("silent", 2)];
        assert_eq!(words("state", Some("silent,live"), &known).unwrap(), Some(vec![2, 1]));
        assert_eq!(words("state", None, &known).unwrap(), None);
        assert_eq!(words("state", Some(""), &known).unwrap(), None);
        for bad in ["dead", "live,", "live,Silent", ","] {
            words("state", Some(bad), &known).unwrap_err();
        }
    }

    #[test]
    fn a_text_is_bounded_and_a_target_parses() {
        assert_eq!(search(Some("WEB")).unwrap().as_deref(), Some("web"));
        assert_eq!(search(Some("")).unwrap(), None);
        search(Some(&"x".repeat(SEARCH_TEXT_BYTES_MAX + 1))).unwrap_err();
        assert!(target(Some("os:linux and not id:a")).unwrap().is_some());
        target(Some("os:linux and")).unwrap_err();
    }
}
