//! Lower-case hexadecimal, both ways.

/// The digits of every byte: a row of a million carries some.
const DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut all = [[0; 2]; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    all
};

/// Writes two lower-case digits a byte.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(bytes.iter().flat_map(|byte| digits(*byte)).map(char::from));
    text
}

/// Writes two lower-case digits a byte behind what is there.
pub fn append(bytes: &[u8], text: &mut Vec<u8>) {
    text.reserve(2 * bytes.len());
    for byte in bytes {
        text.extend_from_slice(&digits(*byte));
    }
}

fn digits(byte: u8) -> [u8; 2] {
    DIGITS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Reads hexadecimal of either case; `None` where a digit is wrong or one is missing.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn round_trip_and_refusals() {
        assert_eq!(super::encode(&[0, 0x9a, 0xff]), "009aff");
        for byte in 0..=u8::MAX {
            let (wanted, mut appended) = (format!("{byte:02x}"), b"a".to_vec());
            super::append(&[byte], &mut appended);
            assert_eq!(
                (super::encode(&[byte]), &appended[1..]),
                (wanted.clone(), wanted.as_bytes())
            );
        }
        assert_eq!(super::decode("009AfF"), Some(vec![0, 0x9a, 0xff]));
        assert_eq!(super::decode("0"), None);
        assert_eq!(super::decode("0g"), None);
        assert_eq!(super::decode("é"), None);
    }
}
