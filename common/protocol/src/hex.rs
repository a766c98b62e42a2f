//! Lower-case hexadecimal, both ways.

/// Writes two lower-case digits a byte.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(bytes.iter().flat_map(|byte| digits(*byte)).map(char::from));
    text
}

/// Writes two lower-case digits a byte behind what is there.
pub fn append(bytes: &[u8], text: &mut Vec<u8>) {
    let (blocks, rest) = bytes.as_chunks();
    for block in blocks {
        text.extend_from_slice(block_digits(block).as_flattened());
    }
    for byte in rest {
        text.extend_from_slice(&digits(*byte));
    }
}

/// Returns the digits of so many bytes that they fill vectors.
fn block_digits(block: &[u8; 16]) -> [[u8; 2]; 16] {
    block.map(digits)
}

/// Without a table or a branch: rows carry a digest each, and the compiler makes vectors of this.
const fn digits(byte: u8) -> [u8; 2] {
    const fn digit(n: u8) -> u8 {
        b'0' + n + (n > 9) as u8 * (b'a' - b'9' - 1)
    }
    [digit(byte >> 4), digit(byte & 15)]
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
