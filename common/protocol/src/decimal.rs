//! Decimal numbers: as people type them, multiplied by their unit without floating point; and as rows show them.

/// What eight digits count up to.
const EIGHT_DIGITS: u64 = 100_000_000;

/// Writes a number behind what is there.
#[inline]
pub fn append(number: u64, text: &mut Vec<u8>) {
    if number < 10 {
        text.push(b'0' | lowest_byte(number));
    } else if number < EIGHT_DIGITS {
        append_short(number, text);
    } else {
        append_long(number, text);
    }
}

/// Writes a number of more than eight digits. Never part of its callers, which it would burden.
#[inline(never)]
fn append_long(number: u64, text: &mut Vec<u8>) {
    append(number / EIGHT_DIGITS, text);
    text.extend_from_slice(&eight(number % EIGHT_DIGITS));
}

/// Writes a number of at most eight digits, which is not 0.
#[inline]
fn append_short(number: u64, text: &mut Vec<u8>) {
    let digits = places(number);
    // The first digit is the lowest byte: zeros before the number are shifted out, and as many bytes not kept.
    let zeros = digits.trailing_zeros() / 8 * 8;
    let kept = text.len() + 8 - (zeros / 8) as usize;
    text.extend_from_slice(&((digits >> zeros) | ZEROS).to_le_bytes());
    text.truncate(kept);
}

/// Returns the digits of a number below a thousand millions, with zeros before it.
pub fn nine(number: u64) -> [u8; 9] {
    let mut digits = [b'0'; 9];
    digits[..8].copy_from_slice(&eight(number / 10));
    digits[8] |= lowest_byte(number % 10);
    digits
}

/// Returns the digits of a number below a hundred millions, with zeros before it.
fn eight(number: u64) -> [u8; 8] {
    (places(number) | ZEROS).to_le_bytes()
}

/// Eight digits `0`.
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// Returns the eight digits of a number, the first one in the lowest byte: divides both halves of four digits at a time by
/// 100, then the four pairs by 10. The factors are exact for these ranges (10,486 / 2^20 below 10,000; 103 / 2^10 below
/// 100).
const fn places(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - 10 * tens) << 8)
}

const fn lowest_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// Multiplies a decimal number (at most 9 digits after the point) by a unit; `None` where it is no number
/// or too big. `0.1` of a unit is exact.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn appended(number: u64) -> String {
        let mut text = b"n".to_vec();
        append(number, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_pair_of_four_digits_is_exact() {
        for number in 0..10_000 {
            assert_eq!(
                eight(number * 10_000 + 9_999 - number).as_slice(),
                format!("{number:04}{:04}", 9_999 - number).as_bytes()
            );
        }
    }

    #[test]
    fn numbers_at_the_ends_of_their_length() {
        let mut number = 1_u64;
        for _ in 0..20 {
            for number in [number - 1, number, number + 1] {
                assert_eq!(appended(number), format!("n{number}"));
            }
            number = number.saturating_mul(10);
        }
        assert_eq!(appended(u64::MAX), format!("n{}", u64::MAX));
    }

    proptest! {
        #[test]
        fn every_number_is_written_as_the_library_writes_it(number in any::<u64>(), shift in 0_u32..64) {
            let number = number >> shift;
            prop_assert_eq!(appended(number), format!("n{number}"));
            let number = number % 1_000_000_000;
            let (made, meant) = (nine(number), format!("{number:09}"));
            prop_assert_eq!(made.as_slice(), meant.as_bytes());
        }
    }
}
