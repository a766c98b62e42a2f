//! A reader of the pprof wire format that shares nothing with the writer.

use std::collections::BTreeSet;

/// What the message holds.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) samples: usize,
    pub(super) sums: [u64; 2],
    pub(super) mappings: BTreeSet<u64>,
    /// Id, mapping and functions of each.
    pub(super) locations: Vec<(u64, u64, Vec<u64>)>,
    pub(super) functions: BTreeSet<u64>,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

pub(super) fn read(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut strings = 0;
    let mut texts = Vec::new();
    for (number, value) in fields(bytes) {
        let Value::Bytes(body) = value else { continue };
        match number {
            2 => {
                read.samples += 1;
                for (index, value) in numbers(body, 2).into_iter().enumerate() {
                    read.sums[index] += value;
                }
            }
            3 => {
                read.mappings.extend(numbers(body, 1));
                texts.extend(numbers(body, 5));
                texts.extend(numbers(body, 6));
            }
            4 => {
                let first = |field| numbers(body, field).first().copied().unwrap_or(0);
                let lines = fields(body).into_iter().filter_map(|(number, value)| match value {
                    Value::Bytes(line) if number == 4 => Some(numbers(line, 1)[0]),
                    _ => None,
                });
                read.locations.push((first(1), first(2), lines.collect()));
            }
            5 => {
                read.functions.extend(numbers(body, 1));
                texts.extend(numbers(body, 2));
                texts.extend(numbers(body, 4));
            }
            6 => strings += 1,
            _ => {}
        }
    }
    assert!(texts.iter().all(|text| *text < strings), "every text is in the table");
    read
}

/// The numbers of a field, packed or not.
fn numbers(body: &[u8], wanted: u64) -> Vec<u64> {
    let mut found = Vec::new();
    for (number, value) in fields(body) {
        match value {
            Value::Number(value) if number == wanted => found.push(value),
            Value::Bytes(mut packed) if number == wanted => {
                while !packed.is_empty() {
                    found.push(varint(&mut packed));
                }
            }
            _ => {}
        }
    }
    found
}

fn fields(mut rest: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let value = match key & 7 {
            0 => Value::Number(varint(&mut rest)),
            2 => {
                let bytes = usize::try_from(varint(&mut rest)).unwrap();
                let (body, tail) = rest.split_at(bytes);
                rest = tail;
                Value::Bytes(body)
            }
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, value));
    }
    found
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, tail) = rest.split_first().unwrap();
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    value
}
