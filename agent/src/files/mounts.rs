//! The mounted file systems, from `/proc/self/mountinfo`, and which of them are not entered.
//!
//! Decided by type and by path alone, so that a mount point that hangs is never touched.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use rustix::fs::makedev;

use crate::files::paths::{below, join};

/// File systems without files of their own. `devtmpfs` is not among them: it is memory like `tmpfs`, can
/// hold ordinary files, and `/dev/shm` is below it.
const PSEUDO: &[&str] = &[
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
    "xenfs",
];

/// File systems behind a network, which may hang and belong to another machine.
const NETWORK: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse",
    "glusterfs",
    "gpfs",
    "lustre",
    "mfs",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "panfs",
    "pvfs2",
    "smb2",
    "smb3",
    "smbfs",
];

/// Kinds of `fuse.*` that have their files on this machine; all others are taken for a network.
const FUSE_LOCAL: &[&str] =
    &["fuse.exfat", "fuse.fuse-overlayfs", "fuse.mergerfs", "fuse.ntfs-3g", "fuse.unionfs"];

/// Returns whether policy does not enter file systems of this type. A type that is not known is entered.
fn is_skipped_type(kind: &str) -> bool {
    PSEUDO.contains(&kind)
        || NETWORK.contains(&kind)
        || kind.starts_with("fuse.") && !FUSE_LOCAL.contains(&kind)
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Its type.
    pub(crate) kind: String,
    /// Its device number: two mounts that differ here are two file systems. The same number may still be two of what
    /// `st_dev` tells apart (subvolumes of btrfs).
    pub(crate) dev: u64,
    /// The folder of its file system that is mounted; not `/` for a bind mount or a subvolume.
    pub(crate) root: Vec<u8>,
}

impl Mount {
    /// Returns whether policy does not enter it.
    pub(crate) fn is_skipped(&self) -> bool {
        is_skipped_type(&self.kind)
    }
}

/// Mount points within one folder, by name.
pub(crate) type Children = BTreeMap<Vec<u8>, Mount>;

/// What is mounted where, as a path look-up would find it.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    points: HashMap<Vec<u8>, Mount>,
    children: HashMap<Vec<u8>, Children>,
}

#[derive(Debug)]
struct Line {
    id: u64,
    parent: u64,
    point: Vec<u8>,
    mount: Mount,
}

impl Mounts {
    pub(crate) fn read() -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read("/proc/self/mountinfo")?))
    }

    /// Returns what is mounted exactly at `path`.
    pub(crate) fn at(&self, path: &[u8]) -> Option<&Mount> {
        self.points.get(path)
    }

    /// Returns the file system that `path`, which has no links in it, lies on.
    pub(crate) fn over(&self, path: &[u8]) -> Option<&Mount> {
        self.at(path).or_else(|| ancestors(path).find_map(|folder| self.at(folder)))
    }

    /// Returns where `path`, which has no links in it, lies in its file system: the device number, and the path there. Two
    /// paths that a bind mount leads to are one place.
    pub(crate) fn place(&self, path: &[u8]) -> Option<(u64, Vec<u8>)> {
        let point = std::iter::once(path).chain(ancestors(path));
        let (mount, point) = point.into_iter().find_map(|point| Some((self.at(point)?, point)))?;
        let mut place = mount.root.clone();
        let rest = below(point, path).filter(|rest| !rest.is_empty());
        if let Some(rest) = rest {
            join(&mut place, rest);
        }
        Some((mount.dev, place))
    }

    /// Returns a file system by its device number; none of what `st_dev` tells apart within one.
    pub(crate) fn of_device(&self, dev: u64) -> Option<&Mount> {
        self.points.values().find(|mount| mount.dev == dev)
    }

    /// Returns the mount points that lie directly in the folder `path`.
    pub(crate) fn within(&self, path: &[u8]) -> Option<&Children> {
        self.children.get(path)
    }

    pub(crate) fn parse(text: &[u8]) -> Self {
        let lines: Vec<Line> = text.split(|byte| *byte == b'\n').filter_map(Line::parse).collect();
        let mut mounts = Self::default();
        mounts.descend(&lines);
        for (point, mount) in &mounts.points {
            let Some(slash) = point.iter().rposition(|byte| *byte == b'/') else { continue };
            let (parent, name) = point.split_at(slash);
            let parent = if parent.is_empty() { b"/" } else { parent };
            let name = name.strip_prefix(b"/").unwrap_or(name);
            if !name.is_empty() {
                let children = mounts.children.entry(parent.to_vec()).or_default();
                children.insert(name.to_vec(), mount.clone());
            }
        }
        mounts
    }

    /// Goes from the outermost mounts inwards: what is covered by another mount is not seen, and of two on
    /// the same point the inner one (mounted upon the other) counts.
    fn descend(&mut self, lines: &[Line]) {
        let ids: HashSet<u64> = lines.iter().map(|line| line.id).collect();
        let mut by_parent: HashMap<Option<u64>, Vec<&Line>> = HashMap::new();
        for line in lines {
            let is_outermost = line.parent == line.id || !ids.contains(&line.parent);
            let parent = if is_outermost { None } else { Some(line.parent) };
            by_parent.entry(parent).or_default().push(line);
        }
        let mut open = vec![None];
        while let Some(parent) = open.pop() {
            let Some(siblings) = by_parent.remove(&parent) else { continue };
            let points: HashSet<&[u8]> =
                siblings.iter().map(|line| line.point.as_slice()).collect();
            for line in siblings {
                if ancestors(&line.point).any(|ancestor| points.contains(ancestor)) {
                    continue;
                }
                self.points.insert(line.point.clone(), line.mount.clone());
                open.push(Some(line.id));
            }
        }
    }
}

/// Returns the paths that lead to `path`, without itself, from the inside out.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    slashes
        .filter_map(move |(at, _)| if at == 0 { path.get(..1) } else { path.get(..at) })
        .filter(move |ancestor| *ancestor != path)
}

impl Line {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = number(fields.next()?)?;
        let parent = number(fields.next()?)?;
        let (major, minor) = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
        let dev = makedev(major.parse().ok()?, minor.parse().ok()?);
        let root = unescape(fields.next()?);
        let point = unescape(fields.next()?);
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        let kind = String::from_utf8_lossy(kind).into_owned();
        Some(Self { id, parent, point, mount: Mount { kind, dev, root } })
    }
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Undoes the kernel's `\ooo` for blanks, newlines and backslashes.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) =
            (first, tail)
        {
            out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covered_mount_is_not_seen_and_the_upper_of_two_counts() {
        let text = b"22 27 0:21 / /proc rw - proc proc rw\n\
            27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            30 27 0:40 / /a rw - nfs4 server:/a rw\n\
            31 30 0:41 / /a/b rw - tmpfs none rw\n\
            40 27 0:50 / /c/d rw - nfs server:/x rw\n\
            41 27 0:51 /srv/c /c rw - xfs /dev/sdb rw\n\
            50 27 0:60 / /e\\040\\134f rw - cifs //s/e rw\n\
            60 27 0:70 / /g rw - nfs server:/g rw\n\
            61 60 0:71 / /g rw - btrfs /dev/sdc rw\n";
        let mounts = Mounts::parse(text);
        let at = |path: &str| mounts.at(path.as_bytes()).map(|mount| mount.kind.as_str());
        assert_eq!(at("/proc"), Some("proc"), "listed before its parent");
        assert_eq!(at("/a"), Some("nfs4"));
        assert_eq!(at("/a/b"), Some("tmpfs"));
        assert_eq!(at("/c/d"), None, "hidden under /c");
        assert_eq!(at("/e \\f"), Some("cifs"));
        assert_eq!(at("/g"), Some("btrfs"));
        let over = |path: &str| mounts.over(path.as_bytes()).map(|mount| mount.dev);
        assert_eq!(over("/a/b/x/y"), Some(makedev(0, 41)));
        assert_eq!((over("/a/b"), over("/a/bc")), (Some(makedev(0, 41)), Some(makedev(0, 40))));
        assert_eq!((over("/"), over("/x")), (Some(makedev(254, 0)), Some(makedev(254, 0))));
        assert_eq!(mounts.place(b"/x/y"), Some((makedev(254, 0), b"/x/y".to_vec())));
        assert_eq!(mounts.place(b"/c/z"), Some((makedev(0, 51), b"/srv/c/z".to_vec())), "a bind");
        let names: Vec<_> = mounts.within(b"/").unwrap().keys().cloned().collect();
        assert_eq!(
            names,
            [b"a".to_vec(), b"c".into(), b"e \\f".into(), b"g".into(), b"proc".into()]
        );
    }

    #[test]
    fn local_types_are_entered() {
        for local in [
            "ext4", "btrfs", "zfs", "overlay", "tmpfs", "devtmpfs", "xfs", "vfat", "fuseblk", "new",
        ] {
            assert!(!is_skipped_type(local), "{local}");
        }
        for other in ["proc", "sysfs", "nfs4", "cifs", "fuse.sshfs", "autofs", "cgroup2", "9p"] {
            assert!(is_skipped_type(other), "{other}");
        }
    }
}
