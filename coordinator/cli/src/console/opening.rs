//! `--open`: hands the browser a private file that leads to the pages. The code is never an argument, which every user of
//! the machine could read.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::failure::{Exit, Failure};
use crate::private;

/// How long a desktop without a browser may take to say so.
const REFUSES_WITHIN: Duration = Duration::from_secs(2);

/// The file; it is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct Opening(PathBuf);

impl Opening {
    /// Writes the file and has the desktop open it.
    pub(super) fn at(url: &str) -> Result<Self, Failure> {
        let name = format!("muster-console-{}.html", super::new_secret()?);
        let path = std::env::temp_dir().join(name);
        private::write(&path, leading_to(url).as_bytes())?;
        let opening = Self(path);
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let mut command = Command::new(program);
        command.arg(&opening.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let failed = |error: std::io::Error| {
            let next = "open the address that was printed";
            Failure::new(Exit::Unavailable, "cannot open a browser", error, next)
        };
        let mut child = command.spawn().map_err(failed)?;
        // Some desktops run the browser itself: then it ends when the browser does.
        let (told, ended) = mpsc::channel();
        std::thread::spawn(move || told.send(child.wait()));
        match ended.recv_timeout(REFUSES_WITHIN) {
            Ok(Ok(status)) if !status.success() => {
                Err(failed(std::io::Error::other(format!("{program}: {status}"))))
            }
            Ok(Err(error)) => Err(failed(error)),
            Ok(Ok(_)) | Err(_) => Ok(opening),
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // It may have been cleaned up already.
        drop(std::fs::remove_file(&self.0));
    }
}

/// The address is made of digits, letters and `:/.#[]`: nothing in it must be escaped.
fn leading_to(url: &str) -> String {
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<title>Muster</title>\n<a href=\"{url}\">Muster</a>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_leads_to_the_address() {
        let page = leading_to("http://127.0.0.1:7412/#ab");
        assert!(page.contains("content=\"0; url=http://127.0.0.1:7412/#ab\""), "{page}");
    }
}
