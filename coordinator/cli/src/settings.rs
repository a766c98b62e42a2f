//! What the global flags and the environment mean: where the fleet's files, coordinator and keys are.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use muster_protocol::address::{self, Address};
use muster_runtime::secret;
use serde::Deserialize;

use super::args::{Environment, Global};
use super::failure::{Exit, Failure};
use super::keys::Operator;
use super::private;
use muster_api::address::listening;

/// Where the coordinator listens when nobody says otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:7411";

/// The resolved settings. Files are read only by the verbs that need them.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Folder of the fleet's files.
    pub(super) dir: PathBuf,
    url: Option<String>,
    token: Option<String>,
    token_file: PathBuf,
    ca_file: Option<PathBuf>,
    operator_key: PathBuf,
}

/// The few lines of `coordinator.toml` that a client on the same machine wants.
#[derive(Deserialize)]
struct Nearby {
    listen: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    tls: Option<toml::Table>,
}

impl Settings {
    /// Resolves flags over environment over the files of the folder.
    pub(super) fn new(global: &Global, environment: &Environment) -> Self {
        let home = environment.home.clone().unwrap_or_default();
        let dir = global.dir.clone().unwrap_or_else(|| Path::new(&home).join(".config/muster"));
        // A token file that was named beats a token of the environment.
        let token = environment.token.clone().filter(|_| global.token_file.is_none());
        Self {
            url: global.url.clone(),
            token,
            ca_file: global.ca_file.clone(),
            token_file: global.token_file.clone().unwrap_or_else(|| dir.join("token")),
            operator_key: global.operator_key.clone().unwrap_or_else(|| dir.join("operator.key")),
            dir,
        }
    }

    /// Returns the coordinator's address, without a slash at its end.
    pub(super) fn url(&self) -> Result<String, Failure> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.listening().unwrap_or_else(|| URL_DEFAULT.to_owned()),
        };
        address::url(&url).map_err(|cause| {
            let next = "muster --url https://HOST:7411 …, or correct MUSTER_URL";
            Failure::usage("cannot use this coordinator address", cause, next)
        })
    }

    /// Returns the file of certificate authorities that was named.
    pub(super) fn ca_given(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Returns the file with the coordinator's certificate authority: the one that was named, else the folder's.
    pub(super) fn ca_file(&self) -> Option<PathBuf> {
        let of_folder = self.dir.join("ca.pem");
        self.ca_file.clone().or_else(|| of_folder.try_exists().unwrap_or(true).then_some(of_folder))
    }

    /// Reads the token.
    pub(super) fn token(&self) -> Result<String, Failure> {
        if let Some(token) = &self.token {
            let token = secret::of_bytes("MUSTER_TOKEN", token.as_bytes());
            return token.map(|token| token.to_string()).map_err(|cause| {
                let next = "give the text of the file `token` that `muster init` wrote";
                Failure::new(Exit::Refused, "this is not a token", cause, next)
            });
        }
        let path = &self.token_file;
        let not_one = |cause: String| {
            let what = format!("{} is not a token file", path.display());
            let next = "give the file `token` that `muster init` wrote: --token-file FILE";
            Failure::new(Exit::Refused, what, cause, next)
        };
        let bytes = private::bytes(path)?;
        let token = secret::of_bytes("it", &bytes).map_err(|error| not_one(error.to_string()))?;
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(not_one("it holds other characters than a token".to_owned()));
        }
        Ok(token.to_string())
    }

    /// Reads the operator's key.
    pub(super) fn operator(&self) -> Result<Operator, Failure> {
        Operator::read(&self.operator_key)
    }

    /// Returns the path of the coordinator's configuration.
    pub(super) fn config(&self, given: Option<&Path>) -> PathBuf {
        given.map_or_else(|| self.dir.join("coordinator.toml"), Path::to_path_buf)
    }

    /// Finds where a coordinator of this folder listens; none where there is no such file. A certificate is made
    /// for a name: over TLS it is the first of `hosts`, where there is one.
    fn listening(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.join("coordinator.toml")).ok()?;
        let file = toml::from_str::<Nearby>(&text).ok()?;
        let mut listen: Address = listening(&file.listen?).ok()?.parse().ok()?;
        if listen.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
            "127.0.0.1".clone_into(&mut listen.host);
        }
        let name = file.hosts.first().and_then(|name| name.parse::<Address>().ok());
        match (file.tls, name) {
            (Some(_), Some(name)) => {
                Some(format!("https://{}", Address { host: name.host, ..listen }))
            }
            (Some(_), None) => Some(format!("https://{listen}")),
            (None, _) => Some(format!("http://{listen}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_certificate_is_reached_by_its_first_name() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            dir: folder.path().to_owned(),
            url: None,
            token: None,
            token_file: PathBuf::new(),
            ca_file: None,
            operator_key: PathBuf::new(),
        };
        let url = |text: &str| {
            std::fs::write(folder.path().join("coordinator.toml"), text).unwrap();
            settings.url().unwrap()
        };
        let (plain, tls) = ("listen = \"0.0.0.0:99\"\n", "[tls]\ncert = \"c\"\nkey = \"k\"\n");
        let hosts = "hosts = [\"m.example\", \"n.example\"]\n";
        assert_eq!(url(plain), "http://127.0.0.1:99");
        assert_eq!(url(&[plain, hosts].concat()), "http://127.0.0.1:99");
        assert_eq!(url(&[plain, tls].concat()), "https://127.0.0.1:99");
        assert_eq!(url(&[plain, hosts, tls].concat()), "https://m.example:99");
        assert_eq!(url("listen = \"[::1]:98\""), "http://[::1]:98");
        assert_eq!(url("listen = \"localhost\""), "http://localhost:7411");

        assert_eq!(settings.ca_file(), None);
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, "").unwrap();
        assert_eq!(settings.ca_file(), Some(ca));
    }
}
