//! A file from an endpoint as a ZIP archive with a password: programs that scan disks leave it alone, and nobody starts it
//! by a click. The password is a convention of the field and no secret.
//!
//! The cipher is `ZipCrypto`: Debian's `unzip` and Python's `zipfile` read no other, and `7z` reads it, too. It is weak, which
//! does not matter where the password is known.

use std::io::{self, Read, Write};

use muster_protocol::hex;
use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The password of malware, where no other was agreed on.
pub const PASSWORD: &str = "infected";
/// Characters of the longest password.
const PASSWORD_CHARS_MAX: usize = 64;
/// Rights of the unpacked file: others cannot read it, and nobody can run it.
const MODE: u32 = 0o600;

/// Checks a password. The format names no character set, so that only ASCII means the same to every program.
pub fn password(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && (1..=PASSWORD_CHARS_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("1 to {PASSWORD_CHARS_MAX} letters, digits and signs of ASCII, without a space"))
}

/// Writes an archive of one file while it is read. The file is called by its digest: no name that an endpoint chose is in
/// the archive, so none can lead out of the folder that it is unpacked into.
pub fn write(
    out: impl Write,
    sha256: &[u8],
    mut content: impl Read,
    password: &str,
) -> io::Result<()> {
    // Not compressed, as the plain file is not. Sizes need no longer form: a file is 64 MiB at most.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(MODE)
        .with_deprecated_encryption(password.as_bytes())?;
    let mut out = Sink { out, failed: None };
    let mut archive = ZipWriter::new_stream(&mut out);
    let read = match archive.start_file(hex::encode(sha256), options) {
        Ok(()) => io::copy(&mut content, &mut archive).map(drop),
        Err(error) => Err(error.into()),
    };
    let finished = archive.finish().map(drop).map_err(io::Error::from);
    out.flush()?;
    out.failed.map_or(Ok(()), Err).and(read).and(finished)
}

/// Takes what is written after a failure, too, and drops it: the library would end an archive that was given up as well as
/// it can, and print to stderr that it cannot.
struct Sink<W> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed.is_none() {
            self.failed = self.out.flush().err();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(content: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write(&mut bytes, &[0xab; 32], content, PASSWORD).map(|()| bytes)
    }

    #[test]
    fn an_archive_has_one_file_behind_a_password() {
        let content: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let bytes = archive(&content[..]).unwrap();
        assert!(bytes.windows(64).all(|part| part != &content[..64]), "nothing of it is plain");
        let mut read = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        let names = read.file_names().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(names, ["ab".repeat(32)]);
        assert!(read.by_index(0).is_err(), "without a password");
        assert!(read.by_index_decrypt(0, b"guess").is_err());
        let mut file = read.by_index_decrypt(0, b"infected").unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o600));
        let mut unpacked = Vec::new();
        file.read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == content);
    }

    #[test]
    fn a_file_or_a_reader_that_fails_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk"))
            }
        }
        assert_eq!(archive(b"abc".chain(Broken)).unwrap_err().to_string(), "the disk");
        let mut room = [0; 40];
        let gone = write(&mut room[..], &[1; 32], &b"abc"[..], PASSWORD);
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn a_password_means_the_same_everywhere() {
        let long = "x".repeat(PASSWORD_CHARS_MAX);
        for good in ["infected", "a", "2-!~\"", &long] {
            assert_eq!(password(good).unwrap(), good);
        }
        for bad in ["", "two words", "käse", "a\nb", &format!("{long}x")] {
            assert!(password(bad).is_err(), "{bad}");
        }
    }
}
