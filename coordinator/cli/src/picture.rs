//! A curve or a flame graph as a picture in a file: SVG is our own, PNG is made of it by `rsvg-convert`, where the machine has it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Exit, Failure};

/// Who makes dots of lines: of librsvg, a package of every distribution.
const CONVERTER: &str = "rsvg-convert";

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    Svg,
    Png,
}

impl Picture {
    /// Returns what the name of a file promises; says no to what would not be that.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            "png" => Self::png(path, CONVERTER),
            "jpg" | "jpeg" | "pdf" | "gif" | "webp" | "bmp" | "tiff" => {
                let next = format!("-o {}", path.with_extension("png").display());
                let cause = "a picture is drawn as SVG or PNG";
                Err(Failure::usage(format!("cannot draw {ending}"), cause, &next))
            }
            _ => Ok(Self::Svg),
        }
    }

    /// Looks for the converter before anything is asked for.
    fn png(path: &Path, converter: &str) -> Result<Self, Failure> {
        let version = Command::new(converter).arg("--version").stdin(Stdio::null()).output();
        version.map(|_| Self::Png).map_err(|error| {
            let svg = path.with_extension("svg");
            let next = format!("apt install librsvg2-bin, or: -o {}", svg.display());
            Failure::usage("cannot draw png", format!("{converter}: {error}"), &next)
        })
    }

    /// Makes the bytes of the file.
    pub(super) fn draw(self, svg: String) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Svg => Ok(svg.into_bytes()),
            Self::Png => dots(&svg, CONVERTER),
        }
    }
}

/// Twice the size, for screens and mails that show it larger than it is.
fn dots(svg: &str, converter: &str) -> Result<Vec<u8>, Failure> {
    let broken = |cause: &dyn std::fmt::Display| {
        Failure::new(Exit::Unavailable, "cannot draw png", cause, "-o FILE.svg")
    };
    let mut child = Command::new(converter)
        .args(["--format", "png", "--zoom", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| broken(&error))?;
    // It reads to the end before it writes. Who does not read it says why on its stderr.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(svg.as_bytes()));
    let output = child.wait_with_output().map_err(|error| broken(&error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(broken(&format!("{converter}: {}, {}", output.status, said.trim())));
    }
    match written {
        Some(Err(error)) => Err(broken(&error)),
        _ => Ok(output.stdout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><rect width='9' height='9'/></svg>";

    #[test]
    fn a_picture_is_what_its_name_says() {
        let of = |name: &str| Picture::of(Path::new(name));
        assert_eq!(of("a.svg").unwrap(), Picture::Svg);
        assert_eq!(of("-").unwrap(), Picture::Svg);
        assert_eq!(of("/tmp/a.PNG").unwrap(), Picture::Png);
        let refused = of("/tmp/a.pdf").unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.next.contains("-o /tmp/a.png"), "{refused:?}");
    }

    #[test]
    fn a_png_has_twice_the_size_of_its_svg() {
        let png = Picture::Png.draw(SVG.to_owned()).unwrap();
        assert_eq!(png.get(..8).unwrap(), b"\x89PNG\r\n\x1a\n");
        assert_eq!(png.get(16..24).unwrap(), [0, 0, 0, 80, 0, 0, 0, 60]);
        assert_eq!(Picture::Svg.draw(SVG.to_owned()).unwrap(), SVG.as_bytes());
    }

    #[test]
    fn who_cannot_draw_says_so_and_how_to_go_on() {
        let missing = Picture::png(Path::new("a.png"), "no-such-program").unwrap_err();
        assert_eq!(missing.exit, Exit::Usage);
        assert!(
            missing.next.contains("librsvg2-bin") && missing.next.contains("-o a.svg"),
            "{missing:?}"
        );
        let broken = dots("no picture", CONVERTER).unwrap_err();
        assert_eq!((broken.exit, broken.next.as_str()), (Exit::Unavailable, "-o FILE.svg"));
        // It reads nothing of what is more than a pipe holds.
        let deaf = dots(&"x".repeat(1 << 20), "false").unwrap_err();
        assert_eq!(deaf.exit, Exit::Unavailable);
    }
}
