//! The tree full of traps, mounts of every sort in it, against a second opinion: every field of every row in its place, and
//! every figure, must be what `tests/oracle/oracle.py` says. One selection after the other on the same tree.

use std::fs;
use std::path::PathBuf;

use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::FileKind;
use muster_protocol::artifact::file_hash::select::{ModeBits, Select, Window};
use muster_protocol::artifact::ioc::IocList;
use serde_bytes::ByteBuf;
use tests::mounts_fixture::Bed;
use tests::once::{Once, Reader};
use tests::tree::TrapTree;
use tests::{adversarial_tree, independent_oracle};

/// A second as a time of a file.
const SECOND_NS: i128 = 1_000_000_000;

/// The tree, and who looks at it.
struct Place {
    once: Once,
    tree: PathBuf,
    _traps: TrapTree,
    _bed: Option<Bed>,
}

impl Place {
    fn make() -> Self {
        let once = Once::new();
        let tree = once.path("tree");
        let (traps_in, mounts, images) =
            (tree.join("traps"), tree.join("mounts"), once.path("images"));
        for folder in [&tree, &traps_in, &mounts, &images] {
            fs::create_dir(folder).unwrap();
        }
        adversarial_tree::make(&tree);
        let trap_tree = TrapTree::make(&traps_in, 20 << 20, Reader::Nobody);
        let bed = Bed::make(&mounts, &images);
        let once = match &bed {
            Some(bed) => once.within(bed.within()),
            None => once,
        };
        Self { once, tree, _traps: trap_tree, _bed: bed }
    }

    fn check(&self, about: &str, spec: &file_hash::Args, reader: Reader) {
        let ended = self.once.run(spec, reader);
        let answer = independent_oracle::ask(&self.once, spec, reader);
        let has_no_root =
            answer.figures.files["roots_failed"].as_object().is_some_and(|no| !no.is_empty());
        let wanted = if has_no_root { "failed: no_root: " } else { "finished" };
        assert!(ended.state.starts_with(wanted), "{about}: {}", ended.state);
        independent_oracle::agree(&ended, &answer, about);
    }
}

/// The same with links followed, but for the one that leads to the whole machine.
fn followed(spec: &file_hash::Args) -> file_hash::Args {
    let exclude = spec.exclude.iter().cloned().chain(["to-top".to_owned()]).collect();
    file_hash::Args { follow: true, exclude, ..spec.clone() }
}

#[test]
fn a_second_opinion_agrees_on_every_row_and_figure() {
    let place = Place::make();
    let all = Once::spec(&[&place.tree]);
    // Whoever may not read without a trace moves times of access, but only once a day.
    for spec in [&all, &followed(&all)] {
        drop(independent_oracle::ask(&place.once, spec, Reader::Nobody));
    }
    let hashes =
        vec![HashKind::Md5, HashKind::Sha1, HashKind::Sha256, HashKind::Sha512, HashKind::Blake3];
    place.check("all digests", &file_hash::Args { hashes, ..all.clone() }, Reader::Tester);
    place.check("as nobody", &all, Reader::Nobody);
    place.check(
        "a listing",
        &file_hash::Args { hashes: Vec::new(), ..all.clone() },
        Reader::Tester,
    );
    place.check(
        "a listing as nobody",
        &file_hash::Args { hashes: Vec::new(), ..all.clone() },
        Reader::Nobody,
    );
    for one_file_system in [false, true] {
        let follow = file_hash::Args { one_file_system, ..followed(&all) };
        place.check(
            &format!("links followed, one file system {one_file_system}"),
            &follow,
            Reader::Nobody,
        );
    }
    place.check(
        "one file system",
        &file_hash::Args { one_file_system: true, ..all.clone() },
        Reader::Tester,
    );
    patterns_and_bounds(&place, &all);
    conditions(&place, &all);
    roots(&place);
    hashes_in_a_list(&place, &all);
}

fn patterns_and_bounds(place: &Place, all: &file_hash::Args) {
    let globs = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
    let cases = [
        (&["*"][..], &["levels", "mounts/"][..]),
        (&["file", "mode-*[57]"], &["inner/", "./mounts/dead-*"]),
        (&["**/z", "names/*"], &["level-2?", "?"]),
        (&["{sizes,holes}/**", "./traps/**"], &["*-{above,below}"]),
        (&[], &["**/inner/**", "./mounts/*/", "loop*"]),
    ];
    for (include, exclude) in cases {
        let spec =
            file_hash::Args { include: globs(include), exclude: globs(exclude), ..all.clone() };
        place.check(&format!("{include:?} without {exclude:?}"), &spec, Reader::Tester);
        let listing = file_hash::Args { hashes: Vec::new(), ..followed(&spec) };
        place.check(
            &format!("a listing of {include:?} without {exclude:?}"),
            &listing,
            Reader::Nobody,
        );
    }
    let bounded = file_hash::Args {
        max_depth: Some(3),
        min_size: Some(1),
        max_size: Some(65_536),
        ..all.clone()
    };
    place.check("three levels of small files", &bounded, Reader::Nobody);
}

fn conditions(place: &Place, all: &file_hash::Args) {
    let window =
        |from: Option<i128>, until: Option<i128>| Window { from_ns: from, until_ns: until };
    let selects = [
        Select {
            kinds: vec![FileKind::Symlink, FileKind::Fifo, FileKind::Directory],
            ..Select::default()
        },
        Select {
            mtime: window(Some(SECOND_NS), Some(1_000_000_001 * SECOND_NS)),
            ..Select::default()
        },
        Select {
            btime: window(None, Some(SECOND_NS)),
            ctime: window(Some(0), None),
            ..Select::default()
        },
        Select { owners: vec!["33".into(), "nobody".into()], ..Select::default() },
        Select {
            groups: vec!["root".into()],
            mode: ModeBits { any: 0o6000, ..ModeBits::default() },
            ..Select::default()
        },
        Select {
            mode: ModeBits { all: 0o001, exactly: Some(0o6755), any: 0 },
            ..Select::default()
        },
    ];
    for select in selects {
        let about = format!("{select:?}");
        let hunt = file_hash::Args { select: Box::new(select), ..all.clone() };
        place.check(&about, &hunt, Reader::Tester);
        place.check(
            &format!("a listing of {about}"),
            &file_hash::Args { hashes: Vec::new(), ..hunt },
            Reader::Tester,
        );
    }
}

/// Roots below roots, through links, of every kind, and such that are not there.
fn roots(place: &Place) {
    let below = [
        "",
        "/levels/level-0/level-1",
        "/names",
        "/traps/fifo",
        "/traps/link",
        "/traps/to-folder",
        "/traps/closed-folder",
        "/traps/closed-file",
        "/links/to-here/links/to-file",
        "/links/to-itself",
        "/links/to-nowhere",
        "/nowhere",
        "/mounts/dead-fuse",
        "/mounts/dead-fuse/below",
        "/mounts/dead-fuse-network",
        "/mounts/proc/self/status",
        "/mounts/local-over-pseudo/deeper",
        "/mounts/pseudo-over-local",
        "/mounts/bind-pseudo-file",
        "/links/to-proc",
    ];
    let paths: Vec<_> = below
        .iter()
        .map(|below| {
            let path = [place.tree.as_os_str().as_encoded_bytes(), below.as_bytes()].concat();
            ByteBuf::from(path)
        })
        .collect();
    let each = paths.iter().skip(1).map(|root| vec![root.clone()]);
    for roots in each.chain([paths.clone()]) {
        let about = format!(
            "roots {:?}",
            roots.iter().map(|root| String::from_utf8_lossy(root)).collect::<Vec<_>>()
        );
        place.check(&about, &file_hash::Args { roots, ..Once::spec(&[]) }, Reader::Nobody);
    }
}

fn hashes_in_a_list(place: &Place, all: &file_hash::Args) {
    let digest = |content: &[u8]| {
        let hex = tests::tree::sha256_of_bytes(content);
        muster_protocol::hex::decode(&hex).expect("hexadecimal digits")
    };
    let listed = [digest(b"small"), digest(b""), digest(b"nobody has this"), digest(b"deeper")];
    let ioc = vec![IocList::new(HashKind::Sha256, 16, listed.iter().map(Vec::as_slice))];
    place.check("a list of hashes", &file_hash::Args { ioc, ..all.clone() }, Reader::Nobody);
}
