use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: u32,
}

#[test]
fn what_is_left_over_is_refused() {
    let mut bytes = encode(&Strict { a: 7 }).unwrap();
    assert_eq!(decode::<Strict>(&bytes, 100).unwrap(), Strict { a: 7 });
    bytes.push(0);
    assert!(matches!(decode::<Strict>(&bytes, 100), Err(WireError::Trailing(1))));
}

#[test]
fn the_cap_is_checked_first() {
    assert!(matches!(decode::<Strict>(&[0xff; 101], 100), Err(WireError::TooBig { .. })));
}

#[test]
fn what_is_read_from_a_file_is_decoded_as_strictly() {
    let bytes = encode(&Strict { a: 7 }).unwrap();
    assert_eq!(decode_from::<Strict>(bytes.as_slice(), bytes.len()).unwrap(), Strict { a: 7 });
    let more = [bytes.as_slice(), &[0, 0]].concat();
    assert!(matches!(decode_from::<Strict>(more.as_slice(), 100), Err(WireError::Trailing(2))));
    let cap = bytes.len() - 1;
    let too_big = decode_from::<Strict>(bytes.as_slice(), cap);
    assert!(matches!(too_big, Err(WireError::TooBig { .. })), "{too_big:?}");
    let endless = decode_from::<Strict>(io::repeat(0xc0), 1_000);
    assert!(matches!(endless, Err(WireError::TooBig { .. })), "{endless:?}");
    let cut = decode_from::<Strict>(&bytes[..bytes.len() - 1], 100);
    assert!(matches!(cut, Err(WireError::Malformed(_))), "{cut:?}");
    // A length that is not there is not believed.
    let lies = [0x81, 0xa1, b'a', 0xc6, 0xff, 0xff, 0xff, 0xff, 0];
    assert!(matches!(decode_from::<Strict>(lies.as_slice(), 100), Err(WireError::Malformed(_))));
}

#[test]
fn a_duplicate_key_is_refused() {
    let bytes = [0x82, 0xa1, b'a', 1, 0xa1, b'a', 2];
    assert!(matches!(decode::<Strict>(&bytes, 100), Err(WireError::Malformed(_))));
}

#[test]
fn deep_nesting_is_refused_without_a_crash() {
    let mut bytes = vec![0x81, 0xa1, b'a'];
    bytes.extend(std::iter::repeat_n(0x91, 100_000));
    assert!(decode::<Strict>(&bytes, 200_000).is_err());
}

#[test]
fn a_bomb_is_refused() {
    let bomb = compress(&vec![0; 10_000_000]).unwrap();
    assert!(bomb.len() < 10_000);
    assert!(matches!(decompress(&bomb, 1_000_000), Err(WireError::TooBig { .. })));
    assert_eq!(decompress(&bomb, 10_000_000).unwrap().len(), 10_000_000);
}
