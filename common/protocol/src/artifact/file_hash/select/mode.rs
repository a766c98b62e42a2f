//! Conditions on mode bits as people type them.

use std::str::FromStr;

use super::{MODE_BITS, ModeBits};

/// One condition on the bits of a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeTest {
    /// All of these are set.
    All(u32),
    /// At least one of these is set.
    Any(u32),
    /// These are set, and no others.
    Exactly(u32),
}

/// Reads mode bits in octal: `4000` or `-4000` all set, `/6000` one set, `=0755` exactly.
impl FromStr for ModeTest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a mode like 4000, /6000 or =0755");
        let digits = text.trim_start_matches(['/', '=', '-']);
        let is_octal = digits.bytes().all(|byte| byte.is_ascii_digit());
        let bits =
            u32::from_str_radix(digits, 8).ok().filter(|bits| is_octal && *bits <= MODE_BITS);
        let bits = bits.ok_or_else(bad)?;
        match text.strip_suffix(digits) {
            Some("=") => Ok(Self::Exactly(bits)),
            Some("" | "-") if bits != 0 => Ok(Self::All(bits)),
            Some("/") if bits != 0 => Ok(Self::Any(bits)),
            _ => Err(bad()),
        }
    }
}

impl From<ModeTest> for ModeBits {
    fn from(test: ModeTest) -> Self {
        match test {
            ModeTest::All(all) => Self { all, ..Self::default() },
            ModeTest::Any(any) => Self { any, ..Self::default() },
            ModeTest::Exactly(bits) => Self { exactly: Some(bits), ..Self::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        let mode = |text: &str| text.parse::<ModeTest>();
        assert_eq!(mode("4000"), Ok(ModeTest::All(0o4000)));
        assert_eq!(
            (mode("-22"), mode("/6000")),
            (Ok(ModeTest::All(0o22)), Ok(ModeTest::Any(0o6000)))
        );
        assert_eq!(
            (mode("=0755"), mode("=0")),
            (Ok(ModeTest::Exactly(0o755)), Ok(ModeTest::Exactly(0)))
        );
        for bad in ["", "0", "/", "/0", "888", "10000", "+4", "==7", "u+s"] {
            assert!(mode(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_test_is_one_condition_on_bits() {
        let holds =
            |text: &str, mode| ModeBits::from(text.parse::<ModeTest>().unwrap()).is_match(mode);
        assert!(holds("6000", 0o106_755) && !holds("6000", 0o104_755));
        assert!(holds("/6000", 0o104_755) && !holds("/6000", 0o100_755));
        assert!(holds("=755", 0o100_755) && !holds("=755", 0o104_755));
        assert!(holds("=0", 0o100_000));
    }
}
