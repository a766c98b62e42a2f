//! Figures as people read them. Bytes in units of 1,000; counts with commas.

/// Writes bytes with three significant digits.
pub fn bytes(bytes: u64) -> String {
    const STEPS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (size, unit) in STEPS {
        if bytes >= size {
            let tenths = bytes / (size / 10);
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if whole >= 100 {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{tenth} {unit}")
            };
        }
    }
    format!("{bytes} B")
}

/// Writes a number of agents: `1 agent`, `1,000 agents`.
pub fn agents(number: u64) -> String {
    format!("{} agent{}", count(number), if number == 1 { "" } else { "s" })
}

/// Writes an amount of a profile in its unit: `nanoseconds`, `bytes`, or a count.
pub fn amount(value: i64, unit: &str) -> String {
    let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let text = match unit {
        "nanoseconds" if size < 10_000_000 => {
            format!("{}.{} ms", size / 1_000_000, size / 100_000 % 10)
        }
        "nanoseconds" => duration_ms(size / 1_000_000),
        "bytes" => bytes(size),
        _ => count(size),
    };
    format!("{sign}{text}")
}

/// Writes a count with commas.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a length of time.
pub fn duration_ms(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{}.{} s", s, ms % 1_000 / 100),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration_ms};

    #[test]
    fn bytes_have_the_right_unit() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.0 kB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(123_456_789), "123 MB");
        assert_eq!(bytes(u64::MAX), "18446744 TB");
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_204), "1,204");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn durations_have_two_units() {
        assert_eq!(duration_ms(12), "12 ms");
        assert_eq!(duration_ms(1_234), "1.2 s");
        assert_eq!(duration_ms(61_000), "1 min 1 s");
        assert_eq!(duration_ms(90_000_000), "1 d 1 h");
    }
}
