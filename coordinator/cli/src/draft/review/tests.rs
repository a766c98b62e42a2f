use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash::FileKind;
use muster_protocol::ids::FleetId;
use muster_protocol::request::Target;
use muster_protocol::request::sign::{SigningKey, Unsigned};

use super::*;
use crate::sign::Ask;

fn reviewed(args: Args, target: Target) -> RequestReview {
    let key = SigningKey::from_seed(&[7; 32]).id();
    let limits = Limits { max_cpu_percent: Some(25), ..Limits::default() };
    let ask = Ask { args, target, limits, valid_ms: 60_000 };
    let unsigned: Unsigned = sign::prepare(FleetId::new(), key, ask).unwrap();
    let (body, args) = unsigned.decoded().unwrap();
    RequestReview::of(unsigned.bytes(), &body, &args).unwrap()
}

#[test]
fn a_hunt_is_shown_with_all_its_conditions() {
    let kinds = vec![FileKind::Regular, FileKind::Symlink];
    let mode = ModeBits { any: 0o6000, all: 1, exactly: None };
    let mtime = Window { from_ns: Some(1_700_000_000_000_000_001), until_ns: None };
    let select = Select { kinds, mtime, owners: vec!["33".into()], mode, ..Select::default() };
    let digests = [[1_u8; 32], [2; 32]];
    let ioc = IocList::new(HashKind::Sha256, 32, digests.iter().map(<[u8; 32]>::as_slice));
    let spec = file_hash::Args {
        roots: vec![ByteBuf::from("/a"), ByteBuf::from(b"/b\xff\n".to_vec())],
        exclude: vec!["*.bak".into()],
        hashes: vec![HashKind::Sha256],
        ioc: vec![ioc],
        upload: Some(Box::new(file_hash::Upload { max_file_bytes: 5, max_bytes: 6 })),
        select: Box::new(select),
        max_size: Some(9),
        follow: true,
        ..file_hash::Args::default()
    };
    let start = HuntStart { on_stall_s: 30, ..HuntStart::files(&spec).unwrap() };
    let target = Target { expr: "label:db".into(), sample_ppm: Some(50_000) };
    let review = reviewed(Args::HuntStart(start), target);
    assert_eq!((review.target.expr.as_str(), review.target.sample_ppm), ("label:db", Some(50_000)));
    assert_eq!(review.limits.max_cpu_percent, Some(25));
    let hunt = review.hunt.unwrap();
    let roots: Vec<_> =
        hunt.roots.iter().map(|root| (root.text.as_str(), root.base64.as_deref())).collect();
    assert_eq!(roots, [("/a", None), ("/b\\xff\\n", Some("L2L/Cg=="))]);
    let filters: Vec<_> =
        hunt.filters.iter().map(|one| format!("{}={}", one.name, one.value)).collect();
    let wanted = [
        "exclude=*.bak",
        "max-size=9",
        "follow=yes",
        "fs=local",
        "kind=file",
        "kind=symlink",
        "newer=2023-11-14T22:13:20.000000001Z",
        "owner=33",
        "mode=/6000",
        "mode=0001",
    ];
    assert_eq!(filters, wanted);
    let list = hunt.list.unwrap();
    assert_eq!((list.count, list.parts, list.kinds[0].width), (2, 0, 32));
    assert_eq!(hunt.upload.unwrap(), UploadReview { max_file_bytes: 5, max_bytes: 6 });
    assert_eq!(hunt.on_stall_s, 30);
}

#[test]
fn what_is_shown_is_what_the_bytes_say() {
    let start = |root: &str| {
        let roots = vec![ByteBuf::from(root)];
        let spec = file_hash::Args { roots, ..file_hash::Args::default() };
        Args::HuntStart(HuntStart::files(&spec).unwrap())
    };
    let (a, b) = (reviewed(start("/a"), Target::all()), reviewed(start("/b"), Target::all()));
    assert_ne!(a.sha256, b.sha256);
    assert_eq!(b.hunt.unwrap().roots[0].text, "/b");
}
