//! Error numbers of Linux: what they are called, and what they mean where a file cannot be read.

/// Number, name, meaning.
const KNOWN: &[(i32, &str, &str)] = &[
    (1, "EPERM", "the operation is not permitted, whatever the mode says"),
    (2, "ENOENT", "no such file: it was deleted or renamed meanwhile"),
    (3, "ESRCH", "no such process: it ended meanwhile"),
    (4, "EINTR", "the call was interrupted"),
    (5, "EIO", "the device failed to read"),
    (6, "ENXIO", "no such device"),
    (9, "EBADF", "the descriptor is not open for this"),
    (11, "EAGAIN", "it would have to wait"),
    (12, "ENOMEM", "no memory left"),
    (13, "EACCES", "permission denied"),
    (16, "EBUSY", "it is in use"),
    (17, "EEXIST", "it exists already"),
    (18, "EXDEV", "it lies on another file system"),
    (19, "ENODEV", "the device does not support this"),
    (20, "ENOTDIR", "a folder on the way is none any more"),
    (21, "EISDIR", "it is a folder"),
    (22, "EINVAL", "the file system does not support this"),
    (23, "ENFILE", "the machine has no descriptor left"),
    (24, "EMFILE", "the agent has no descriptor left"),
    (26, "ETXTBSY", "it is being executed"),
    (27, "EFBIG", "it is too large"),
    (28, "ENOSPC", "no room left on the device"),
    (30, "EROFS", "the file system is read-only"),
    (36, "ENAMETOOLONG", "the path is too long"),
    (38, "ENOSYS", "the kernel does not know this call"),
    (40, "ELOOP", "too many symbolic links, or a link where none may be"),
    (61, "ENODATA", "there is no such data"),
    (71, "EPROTO", "the file system broke its protocol"),
    (74, "EBADMSG", "the data does not fit its checksum"),
    (75, "EOVERFLOW", "the value does not fit"),
    (95, "EOPNOTSUPP", "the file system does not support this"),
    (103, "ECONNABORTED", "the connection to the file system was aborted"),
    (107, "ENOTCONN", "the file system's server is not connected"),
    (110, "ETIMEDOUT", "the file system's server did not answer in time"),
    (111, "ECONNREFUSED", "the file system's server refused the connection"),
    (112, "EHOSTDOWN", "the file system's server is down"),
    (113, "EHOSTUNREACH", "the file system's server cannot be reached"),
    (116, "ESTALE", "the server of the network file system does not know the file any more"),
    (117, "EUCLEAN", "the structure of the file system is broken"),
    (121, "EREMOTEIO", "the remote device failed to read"),
    (122, "EDQUOT", "the quota is used up"),
    (123, "ENOMEDIUM", "no medium in the drive"),
    (126, "ENOKEY", "the key of an encrypted folder is not there"),
];

/// Returns the number of a name.
pub fn number(name: &str) -> Option<i32> {
    KNOWN.iter().find(|(_, known, _)| *known == name).map(|(number, _, _)| *number)
}

/// Returns the name and the meaning of a number; empty texts where it is not known.
pub fn described(number: i32) -> (&'static str, &'static str) {
    let known = KNOWN.binary_search_by_key(&number, |(known, _, _)| *known);
    let found = known.ok().and_then(|at| KNOWN.get(at));
    found.map_or(("", ""), |(_, name, meaning)| (name, meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_to_each_other() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
        for (known, name, meaning) in KNOWN {
            assert_eq!((number(name), described(*known)), (Some(*known), (*name, *meaning)));
        }
        assert_eq!((number("EWHAT"), described(-1), described(0)), (None, ("", ""), ("", "")));
    }
}
