use proptest::prelude::*;
use serde_bytes::ByteBuf;

use super::*;
use crate::artifact::ioc::IocList;
use crate::artifact::{Digest, Digests, HashKind, Rows};

prop_compose! {
    fn process()(
        numbers in any::<(u32, u32, i32, u32, u64, u64, u32)>(),
        status in prop::sample::select(ProcessStatus::ALL),
        exe_state in prop::sample::select(ExeState::ALL),
        started_ns in prop::option::of(any::<i64>().prop_map(i128::from)),
        comm in prop::collection::vec(any::<u8>(), 0..16),
        texts in prop::array::uniform4(prop::option::of(prop::collection::vec(any::<u8>(), 0..20))),
        digest in prop::option::of(any::<[u8; 32]>()),
    ) -> Process {
        let [exe, cgroup, container, cmdline] = texts;
        let digests = digest.map_or_else(Digests::new, |digest| {
            Digests::from_iter([(HashKind::Sha256, Digest::from_slice(&digest))])
        });
        Process {
            pid: numbers.0, ppid: numbers.1, status, errno: numbers.2, started_ns, uid: numbers.3, comm, exe, exe_state,
            cgroup, container, cpu_ms: numbers.4, rss_bytes: numbers.5, threads: numbers.6, cmdline, digests,
        }
    }
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(rows in prop::collection::vec(process(), 0..40)) {
        let body = Rows::of(rows.clone()).pack().unwrap();
        let count = u32::try_from(rows.len()).unwrap();
        prop_assert_eq!(Rows::unpack(&SCHEMA, &body, count).unwrap().records::<Process>(), rows);
    }
}

#[test]
fn arguments_are_bounded() {
    let check = |args: &Processes| Running.check(&wire::encode(args).unwrap());
    check(&Processes::default()).unwrap();
    let list = |kind| vec![IocList::new(kind, 32, [[1; 32].as_slice()])];
    let with = |hashes: &[HashKind], ioc| Processes {
        hashes: hashes.to_vec(),
        ioc,
        ..Processes::default()
    };
    check(&with(&[HashKind::Sha256], list(HashKind::Sha256))).unwrap();
    check(&with(&[], list(HashKind::Sha256))).unwrap_err();
    check(&with(&[HashKind::Sha256], list(HashKind::Blake3))).unwrap_err();
    let part = super::super::ioc::IocPartRef {
        id: crate::ids::RequestId::from_bytes([1; 16]),
        sha256: ByteBuf::from([5; 32]),
    };
    let parted = SplitIocList { count: 9, parts: vec![part], whole: Vec::new() };
    let args = with(&[HashKind::Sha256], Vec::new());
    let named = Running.with_list(&wire::encode(&args).unwrap(), parted.clone()).unwrap();
    Running.check(&named).unwrap();
    assert_eq!(Running.asked(&named).unwrap().list, parted);
    let both = with(&[HashKind::Sha256], list(HashKind::Sha256));
    let both = Running.with_list(&wire::encode(&both).unwrap(), parted).unwrap();
    Running.check(&both).unwrap_err();
}

#[test]
fn a_process_that_could_not_be_looked_at_shows_no_figures() {
    let rows = Rows::of([Process::bare(7, ProcessStatus::Vanished, 3)]);
    let mut line = Vec::new();
    crate::artifact::json::object(&rows.iter().next().unwrap(), &mut line).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((&json["pid"], &json["status"]), (&7.into(), &"vanished".into()));
    for name in ["ppid", "uid", "cpu_ms", "rss_bytes", "threads", "started"] {
        assert!(json[name].is_null(), "{name}: {json}");
    }
}
