//! Compiles the console's pages in, where they are: gzips each once and lists it in a table.
//!
//! Not `include_dir` or `rust-embed`: neither compresses, both are procedural macros that a build without pages would pay
//! for, too, and a file that appears later would not be noticed. This is one dependency that the program has anyway.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

/// The files, with their media types.
const FILES: [(&str, &str); 5] = [
    ("index.html", "text/html; charset=utf-8"),
    ("app.js", "text/javascript; charset=utf-8"),
    ("app.css", "text/css; charset=utf-8"),
    ("icons.svg", "image/svg+xml"),
    ("licences.txt", "text/plain; charset=utf-8"),
];
/// Where they are made.
const PAGES: &str = "../console/dist";

fn main() -> io::Result<()> {
    // The folder is made where there are no pages: a path that is missing would run this, and compile the crate, at each
    // build. Where it cannot be made that is what happens.
    if let Err(error) = fs::create_dir_all(PAGES) {
        println!("cargo::warning=cannot make {PAGES}: {error}");
    }
    println!("cargo::rerun-if-changed={PAGES}");
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR").map_err(io::Error::other)?;
    let mut rows = String::new();
    // Half a set of pages would load a script of another build.
    if FILES.iter().all(|(name, _)| Path::new(PAGES).join(name).is_file()) {
        for (name, media) in FILES {
            let packed = Path::new(&out).join(format!("{name}.gz"));
            fs::write(&packed, gzip(&fs::read(Path::new(PAGES).join(name))?)?)?;
            let gzip = packed.display().to_string();
            let row = format!(
                "Asset {{ name: {name:?}, media: {media:?}, gzip: include_bytes!({gzip:?}) }},\n"
            );
            rows.push_str(&row);
        }
    }
    fs::write(Path::new(&out).join("assets.rs"), format!("const ASSETS: &[Asset] = &[\n{rows}];\n"))
}

/// The same bytes for the same file: without name and time.
fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
