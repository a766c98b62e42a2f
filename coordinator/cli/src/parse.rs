//! Values as people type them: sizes, shares, lengths of time, roots, labels.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use muster_protocol::decimal::scaled;
use muster_protocol::limits;
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::when::duration_ms;

pub use muster_protocol::artifact::file_hash::select::ModeTest;
pub use muster_protocol::when::seconds;

/// Reads how long to wait, in seconds; `0` is not at all.
pub fn wait_seconds(text: &str) -> Result<u32, String> {
    if text == "0" { Ok(0) } else { seconds(text) }
}

/// Reads a size: `4096`, `10k`, `10M`, `1.5G` (units of 1,000), `4KiB`, `1MiB`, `1GiB` (units of 1,024).
pub fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a size like 4096, 10M or 1GiB");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(bad()),
    };
    scaled(number, unit).ok_or_else(bad)
}

/// Takes one of the fields of a list, or one with `-` before it.
pub fn sort(
    fields: &'static [&'static str],
) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| {
        let field = text.strip_prefix('-').unwrap_or(text);
        if fields.contains(&field) {
            return Ok(text.to_owned());
        }
        Err(format!("one of {}, with - before it for the greatest first", fields.join(", ")))
    }
}

/// Reads mode bits in octal: `4000` or `-4000` all set, `/6000` one set, `=0755` exactly.
pub fn mode(text: &str) -> Result<ModeTest, String> {
    text.parse()
}

/// Reads how long a request is valid, in milliseconds.
pub fn validity_ms(text: &str) -> Result<i64, String> {
    let ms = i64::try_from(duration_ms(text)?).map_err(|_| format!("{text:?} is too long"))?;
    if (1_000..=limits::VALIDITY_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(format!("{text:?} is not between 1s and 30d"))
    }
}

/// Reads a share as parts of a million: `5%`, `0.1%`.
pub fn share_ppm(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is not a share like 5% or 0.1%");
    let number = text.strip_suffix('%').ok_or_else(bad)?;
    let ppm = scaled(number, 10_000).and_then(|ppm| u32::try_from(ppm).ok()).ok_or_else(bad)?;
    if (1..=1_000_000).contains(&ppm) { Ok(ppm) } else { Err(bad()) }
}

/// Which profiles are to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What to take.
    pub kinds: Vec<ProfileKind>,
    /// For how long at most.
    pub seconds: u32,
    /// Samples a second and thread.
    pub hertz: u32,
}

/// Reads what to profile: `cpu`, `cpu,wall:30s`, `cpu:30s@99`.
pub fn probe(text: &str) -> Result<Probe, String> {
    let (rest, hertz) = text.split_once('@').map_or((text, None), |(rest, hz)| (rest, Some(hz)));
    let (kinds, time) = rest.split_once(':').map_or((rest, None), |(kinds, t)| (kinds, Some(t)));
    let seconds = time.map_or(Ok(30), seconds)?;
    let hertz =
        hertz.map_or(Ok(99), |hz| hz.parse().map_err(|_| format!("{hz:?} is no number")))?;
    for (value, most, unit) in
        [(seconds, limits::PROFILE_SECONDS_MAX, "s"), (hertz, limits::PROFILE_HERTZ_MAX, "hertz")]
    {
        if !(1..=most).contains(&value) {
            return Err(format!("{value} {unit}: 1 to {most} are possible"));
        }
    }
    let kinds: Result<Vec<_>, _> = kinds.split(',').map(str::parse).collect();
    Ok(Probe { kinds: kinds?, seconds, hertz })
}

/// Reads percent of one core: `50%`, `50`, `200%` for two cores.
pub fn percent(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is not a percentage like 50% (of one core)");
    let number: u32 = text.strip_suffix('%').unwrap_or(text).parse().map_err(|_| bad())?;
    if number == 0 { Err(bad()) } else { Ok(number) }
}

/// Reads a rate in MB/s: `20`, `20M`, `1G`.
pub fn mbps(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is not a rate in MB/s like 20 or 1G");
    let megabytes = match text.parse::<u32>() {
        Ok(plain) => plain,
        Err(_) => u32::try_from(size(text)? / 1_000_000).map_err(|_| bad())?,
    };
    if megabytes == 0 { Err(bad()) } else { Ok(megabytes) }
}

/// Takes a root: an absolute path, byte for byte.
pub fn root(path: &OsString) -> Result<Vec<u8>, String> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(format!(
            "{} is relative; agents have no current folder that you know",
            path.to_string_lossy()
        ));
    }
    if bytes.len() > limits::PATH_BYTES_MAX {
        return Err(format!("{} bytes, {} are allowed", bytes.len(), limits::PATH_BYTES_MAX));
    }
    Ok(bytes.to_vec())
}

/// Reads a label: `key=value`, or `key` alone.
pub fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if key.is_empty() || !key.chars().all(legal) || value.chars().any(char::is_control) {
        return Err(format!("{text:?} is not a label like role=db"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads a condition on a column: `name=value`.
pub fn column(text: &str) -> Result<(String, String), String> {
    let bad = || format!("{text:?} is not a condition like pid=1");
    let (name, value) = text.split_once('=').ok_or_else(bad)?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(legal) || value.is_empty() {
        return Err(bad());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_profile_has_kinds_time_and_hertz() {
        use ProfileKind::{Cpu, Wall};
        let of = |kinds: &[ProfileKind], seconds, hertz| {
            Ok(Probe { kinds: kinds.to_vec(), seconds, hertz })
        };
        assert_eq!(probe("cpu"), of(&[Cpu], 30, 99));
        assert_eq!(probe("cpu,wall:2m@49"), of(&[Cpu, Wall], 120, 49));
        assert_eq!(probe("wall@20"), of(&[Wall], 30, 20));
        for bad in ["", "shoes", "cpu:0s", "cpu:1h", "cpu@0", "cpu@9999", "cpu@x", "cpu:"] {
            probe(bad).unwrap_err();
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("4096"), Ok(4_096));
        assert_eq!(size("10M"), Ok(10_000_000));
        assert_eq!(size("1.5G"), Ok(1_500_000_000));
        assert_eq!(size("4KiB"), Ok(4_096));
        for bad in ["", "M", "-1", "10X", "1.", ".5", "1e3", "99999999999999999999", "20000000T"] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_request_is_valid_for_a_second_to_a_month() {
        assert_eq!(validity_ms("30d"), Ok(limits::VALIDITY_MS_MAX));
        assert!(validity_ms("31d").is_err());
        assert!(validity_ms("0").is_err());
    }

    #[test]
    fn shares_and_rates() {
        assert_eq!(share_ppm("5%"), Ok(50_000));
        assert_eq!(share_ppm("0.1%"), Ok(1_000));
        assert_eq!(share_ppm("100%"), Ok(1_000_000));
        for bad in ["5", "0%", "101%", "-5%", "%"] {
            assert!(share_ppm(bad).is_err(), "{bad:?}");
        }
        assert_eq!(percent("25%"), Ok(25));
        assert_eq!(percent("200"), Ok(200));
        assert!(percent("0").is_err());
        assert_eq!(mbps("20"), Ok(20));
        assert_eq!(mbps("1G"), Ok(1_000));
        assert!(mbps("10k").is_err());
    }

    #[test]
    fn roots_are_absolute_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"/a/\xff".to_vec());
        assert_eq!(root(&odd), Ok(b"/a/\xff".to_vec()));
        assert!(root(&OsString::from("etc")).is_err());
        assert!(root(&OsString::from("")).is_err());
    }

    #[test]
    fn conditions_on_columns() {
        let of = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(column("exe_state=deleted"), of("exe_state", "deleted"));
        assert_eq!(column("comm=a=b*"), of("comm", "a=b*"));
        for bad in ["", "pid", "=1", "pid=", "Pid=1", "p d=1", "a&b=1"] {
            assert!(column(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels() {
        assert_eq!(label("role=db"), Ok(("role".to_owned(), "db".to_owned())));
        assert_eq!(label("canary"), Ok(("canary".to_owned(), String::new())));
        assert!(label("=x").is_err());
        assert!(label("a b=x").is_err());
    }
}
