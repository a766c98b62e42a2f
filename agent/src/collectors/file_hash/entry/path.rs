//! Where an entry is: its path as rows have it, and what its folder calls it.

use crate::files::paths::join;

/// A path and a name, mostly in one piece of memory: the name is its end.
#[derive(Debug, Clone)]
pub(crate) struct EntryPath {
    path: Vec<u8>,
    name: Name,
}

#[derive(Debug, Clone)]
enum Name {
    /// The path from here on.
    End(usize),
    /// A root, or what a link led to, is called otherwise by the folder that holds it.
    Other(Vec<u8>),
}

impl EntryPath {
    /// Names an entry of the folder that has this path.
    pub(crate) fn within(folder: &[u8], name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
        path.extend_from_slice(folder);
        join(&mut path, name);
        let at = path.len() - name.len();
        Self { path, name: Name::End(at) }
    }

    /// Names what rows show under a path of its own.
    pub(crate) fn shown_as(path: Vec<u8>, name: Vec<u8>) -> Self {
        Self { path, name: Name::Other(name) }
    }

    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    pub(crate) fn name(&self) -> &[u8] {
        match &self.name {
            Name::End(at) => self.path.get(*at..).unwrap_or_default(),
            Name::Other(name) => name,
        }
    }

    pub(crate) fn into_path(self) -> Vec<u8> {
        self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_end_of_its_path_unless_a_root_or_a_link_is_called_otherwise() {
        for (folder, path) in [("/", "/a"), ("/f", "/f/a"), ("/f/", "/f/a")] {
            let named = EntryPath::within(folder.as_bytes(), b"a");
            assert_eq!((named.path(), named.name()), (path.as_bytes(), &b"a"[..]));
        }
        let named = EntryPath::shown_as(b"/link".to_vec(), b"real".to_vec());
        assert_eq!((named.path(), named.name()), (&b"/link"[..], &b"real"[..]));
        assert_eq!(named.into_path(), b"/link");
    }
}
