use crate::artifact::file_hash::{FileKind, FileStatus, Row, SCHEMA};
use crate::artifact::{
    Column, ColumnType, Digest, Digests, HashKind, Record, RowRef, RowWriter, Rows, Schema, Value,
};
use crate::wire;

use super::super::times::NS_PER_S;

fn row(ns: [i128; 4]) -> Row {
    let bare = Row::bare(b"/x".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
    let [mtime_ns, ctime_ns, btime_ns, atime_ns] = ns;
    Row { mtime_ns, ctime_ns, btime_ns: Some(btime_ns), atime_ns, ..bare }
}

fn unpacked(rows: &Rows) -> Rows {
    Rows::unpack(rows.schema(), &rows.pack().unwrap(), u32::try_from(rows.len()).unwrap()).unwrap()
}

#[test]
fn a_time_that_a_file_system_knows_comes_back_as_it_is() {
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    let rows = [
        row([-11_644_473_600 * NS_PER_S, 10_413_792_000 * NS_PER_S + 5, 0, -1]),
        row([min, max, min - 1, max + 1]),
        row([min * NS_PER_S, max * NS_PER_S + 999_999_999, 1, 2]),
    ];
    let mut packed = Rows::of(rows[..1].to_vec());
    packed.append(Rows::of(rows[1..].to_vec()));
    assert_eq!(unpacked(&packed).records::<Row>(), rows);
}

#[test]
fn far_times_that_contradict_their_rows_are_refused() {
    let near = [row([0; 4]), Row { btime_ns: None, ..row([0, 0, 0, NS_PER_S]) }];
    let packed = wire::encode(&Rows::of(near)).unwrap();
    let with = |far: &[(u32, u8, i64)]| {
        // The map gets one member more, behind the others.
        let far = [wire::encode(&"far_times").unwrap(), wire::encode(&far).unwrap()].concat();
        let mut bytes = [packed.as_slice(), &far].concat();
        let [0xde, _, count, ..] = bytes.as_mut_slice() else { panic!("not a map of 16 bits") };
        *count += 1;
        Rows::unpack(&SCHEMA, &wire::compress(&bytes).unwrap(), 2)
    };
    with(&[]).unwrap();
    with(&[(0, 0, 1), (1, 1, -1)]).unwrap();
    for bad in [
        &[(2, 0, 1)][..],
        &[(0, 4, 1)],
        &[(1, 2, 1)],
        &[(1, 3, 1)],
        &[(0, 1, 1), (0, 1, 1)],
        &[(0, 1, 1), (0, 0, 1)],
    ] {
        with(bad).unwrap_err();
    }
}

#[test]
fn some_columns_are_read_as_if_all_were() {
    let far = 10_413_792_000 * NS_PER_S + 5;
    let digests = |n: u8| Digests::from_iter([(HashKind::Md5, Digest::from_elem(n, 16))]);
    let files: Vec<_> = (0..9_u8)
        .map(|n| Row {
            path: vec![b'/', b'a' + n],
            size: n.into(),
            digests: if n % 3 == 0 { digests(n) } else { Digests::new() },
            ..row([n.into(), if n == 4 { far } else { 1 }, 2, 3])
        })
        .collect();
    let rows = Rows::of(files);
    let packed = rows.pack().unwrap();
    let all = 0..SCHEMA.columns.len();
    for places in [vec![], vec![0], vec![2, 3, 4], vec![6], vec![16], vec![1, 5, 17], all.collect()]
    {
        let some = Rows::unpack_columns(&SCHEMA, &packed, 9, &places).unwrap();
        assert_eq!(some.len(), rows.len());
        for (some, whole) in some.iter().zip(rows.iter()) {
            for place in &places {
                assert_eq!(some.value(*place), whole.value(*place), "{places:?}");
            }
        }
        Rows::unpack_columns(&SCHEMA, &packed, 8, &places)
            .map_or_else(|_| (), |_| assert!(places.is_empty(), "{places:?} do not have 8 rows"));
    }
}

/// The same artifact, one version apart.
const OLD: Schema = Schema::new("x", 1, &[Column::new("n", ColumnType::U64, "", "A number.")], &[]);
const NEW: Schema = Schema::new(
    "x",
    2,
    &[
        Column::new("n", ColumnType::U64, "", "A number."),
        Column { since: 2, ..Column::new("more", ColumnType::OptionalBytes, "", "More of it.") },
    ],
    &[],
);

struct Old(u64);

impl Record for Old {
    const SCHEMA: &'static Schema = &OLD;

    fn write(&mut self, row: &mut RowWriter<'_>) {
        row.u64(self.0);
    }

    fn read(row: &RowRef<'_>) -> Self {
        Self(if let Value::Unsigned(n) = row.get("n") { n } else { 0 })
    }
}

struct New(u64, Vec<u8>);

impl Record for New {
    const SCHEMA: &'static Schema = &NEW;

    fn write(&mut self, row: &mut RowWriter<'_>) {
        row.u64(self.0);
        row.optional_bytes(Some(std::mem::take(&mut self.1)));
    }

    fn read(row: &RowRef<'_>) -> Self {
        let more =
            if let Value::Bytes(bytes) = row.get("more") { bytes.to_vec() } else { Vec::new() };
        Self(Old::read(row).0, more)
    }
}

#[test]
fn a_column_that_joined_later_is_nothing_in_older_rows_and_left_out_by_older_readers() {
    let old = Rows::of([Old(1), Old(2)]).pack().unwrap();
    let read = Rows::unpack(&NEW, &old, 2).unwrap();
    assert_eq!(read.iter().map(|row| row.get("more")).collect::<Vec<_>>(), [Value::Nothing; 2]);
    assert_eq!(read.records::<New>()[1].0, 2);
    let new = Rows::of([New(3, b"x".to_vec())]).pack().unwrap();
    assert_eq!(Rows::unpack(&OLD, &new, 1).unwrap().records::<Old>()[0].0, 3);
    assert_eq!(Rows::unpack(&NEW, &new, 1).unwrap().records::<New>()[0].1, b"x");
}

#[test]
fn a_column_that_is_missing_there_twice_or_of_another_type_is_refused() {
    let refuse = |bytes: Vec<u8>| {
        Rows::unpack(&OLD, &wire::compress(&bytes).unwrap(), 1).unwrap_err();
    };
    refuse(vec![0x80]);
    refuse([&[0x82][..], b"\xa1n\x91\x01", b"\xa1n\x91\x01"].concat());
    refuse([&[0x81][..], b"\xa1n\x91\xa1x"].concat());
    refuse([&[0x82][..], b"\xa1n\x91\x01", b"\xa7digests\x81\xa3md5\xc4\x00"].concat());
}

#[test]
fn a_word_that_no_list_has_is_refused() {
    let rows = Rows::of([row([0; 4])]);
    let mut bytes = wire::encode(&rows).unwrap();
    let at = bytes.windows(5).position(|at| at == b"\xa4kind").unwrap();
    assert_eq!(bytes[at + 5..at + 7], [0x91, 0]);
    bytes[at + 6] = 99;
    Rows::unpack(&SCHEMA, &wire::compress(&bytes).unwrap(), 1).unwrap_err();
}
