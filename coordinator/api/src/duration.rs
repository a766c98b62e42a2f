//! Lengths of time as people type them.

/// Reads a length of time in milliseconds: `90` (seconds), `90s`, `15m`, `24h`, `7d`, `2w`, `500ms`, `1h30m`.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a length of time like 30s, 15m, 1h30m, 7d or 2w");
    let (mut rest, mut sum, mut last) = (text, 0_u64, u64::MAX);
    loop {
        let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, behind) = rest.split_at(rest.find(|c| !is_of_number(c)).unwrap_or(rest.len()));
        let (unit, behind) = behind.split_at(behind.find(is_of_number).unwrap_or(behind.len()));
        let unit = match unit {
            "ms" => 1,
            // Without a unit it is seconds, and all there is.
            "" if number.len() == text.len() => 1_000,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(bad()),
        };
        if unit >= last {
            return Err(bad());
        }
        last = unit;
        sum = scaled(number, unit).and_then(|ms| sum.checked_add(ms)).ok_or_else(bad)?;
        if behind.is_empty() {
            return Ok(sum);
        }
        rest = behind;
    }
}

/// Multiplies a decimal number (at most 9 digits after the point) by a unit; `None` where it is no number
/// or too big. Without floating point, so that `0.1` of a unit is exact.
pub fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || part.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if part.is_empty() {
        return (!number.ends_with('.')).then_some(whole);
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let part = u128::from(part.parse::<u64>().ok()?) * u128::from(unit) / scale;
    whole.checked_add(u64::try_from(part).ok()?)
}
