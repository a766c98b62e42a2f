//! A certificate authority for tests, made by the `openssl` command: what the code under test reads was made by
//! somebody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What to do when there is no `openssl`.
const INSTALL: &str = "try: apt-get install --no-install-recommends openssl";

/// One authority, with its files in a folder.
#[derive(Debug, Clone)]
pub struct Authority {
    dir: PathBuf,
}

impl Authority {
    /// Makes an authority in a folder of its own.
    pub fn make(dir: &Path) -> Result<Self, String> {
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        // The system's configuration would add extensions of its own.
        fs::write(dir.join("openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n")
            .map_err(|error| error.to_string())?;
        let authority = Self { dir: dir.to_owned() };
        let extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
        authority.certify("ca", &extensions, &[])?;
        Ok(authority)
    }

    /// Returns its certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Makes a certificate for names (`DNS:localhost,IP:127.0.0.1`) and its key.
    pub fn issue(&self, file: &str, names: &str) -> Result<(PathBuf, PathBuf), String> {
        let names = format!("subjectAltName={names}");
        let (ca, key) = (self.file(), self.dir.join("ca.key"));
        let by = ["-CA".as_ref(), ca.as_os_str(), "-CAkey".as_ref(), key.as_os_str()];
        self.certify(file, &["basicConstraints=CA:FALSE", &names], &by)
    }

    /// Makes a certificate that is an authority and a server's at a time, as quick recipes do.
    pub fn self_signed(&self, file: &str, names: &str) -> Result<(PathBuf, PathBuf), String> {
        let names = format!("subjectAltName={names}");
        self.certify(file, &["basicConstraints=critical,CA:TRUE", &names], &[])
    }

    fn certify(
        &self,
        file: &str,
        extensions: &[&str],
        by: &[&std::ffi::OsStr],
    ) -> Result<(PathBuf, PathBuf), String> {
        let cert = self.dir.join(format!("{file}.pem"));
        let key = self.dir.join(format!("{file}.key"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "2", "-subj", &format!("/CN=muster test {file}")]);
        command.arg("-config").arg(self.dir.join("openssl.cnf"));
        command.arg("-out").arg(&cert).arg("-keyout").arg(&key).args(by);
        for extension in extensions {
            command.args(["-addext", extension]);
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run openssl: {error}\n  {INSTALL}"))?;
        if !output.status.success() {
            return Err(format!("openssl: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok((cert, key))
    }
}
