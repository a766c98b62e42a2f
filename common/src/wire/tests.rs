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
