//! One program, library or debug companion: from a runtime address to functions, files and lines.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::{Architecture, Object, ObjectSegment, ObjectSymbol, ReadCache, SegmentFlags};

/// Calls inlined into one another at one address that are shown.
const INLINED_MAX: usize = 64;
/// Characters of a function's or a file's name that are shown.
const NAME_CHARS_MAX: usize = 1_000;
/// x86-64's instruction that enters the kernel.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Linux maps files in such steps.
const PAGE_BYTES: u64 = 4_096;

/// One function at one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// The function, without a hash; `package::function` for one that was inlined in a build with line
    /// tables only, which tell no more; `[module+0x1234]` when nothing is known.
    pub function: String,
    /// Its source file; empty when unknown.
    pub file: String,
    /// The line; 0 when unknown.
    pub line: u32,
}

impl Frame {
    /// Returns at least the file and the place in it.
    pub fn nameless(mapping: &Mapping, address: u64) -> Self {
        let file = mapping.file();
        let module = if file.is_empty() { "unknown" } else { file };
        let offset = address.wrapping_sub(mapping.start).wrapping_add(mapping.offset);
        Self { function: format!("[{module}+{offset:#x}]"), file: String::new(), line: 0 }
    }

    /// Returns the size of its texts.
    pub fn bytes(&self) -> usize {
        self.function.len() + self.file.len()
    }

    /// Returns whether it says no more than that.
    pub fn is_nameless(&self) -> bool {
        let Self { function, file, line } = self;
        *line == 0 && file.is_empty() && function.starts_with('[') && function.contains("+0x")
    }

    /// Returns whether this is of Rust's own library (`core`, `alloc`, `std`), by where its source was when it was built, or by
    /// its name where that is not known; or of the allocator behind it.
    pub fn is_of_std(&self) -> bool {
        let begins = |words: &[&str]| {
            let name = self.function.trim_start_matches('<');
            words.iter().any(|word| name.starts_with(word))
        };
        let is_allocator = begins(&["__rustc", "__rust_", "__rg_"])
            || self.file.ends_with("common/profiler/src/heap/sys.rs");
        let is_named_so = self.file.is_empty() && begins(&["core::", "alloc::", "std::"]);
        let is_there =
            self.file.starts_with("/rustc/") || self.file.contains("/rustlib/src/rust/library/");
        is_allocator || is_named_so || is_there
    }
}

/// Where an executable mapping lay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its id in the profile.
    pub id: u64,
    /// First address.
    pub start: u64,
    /// Address after the last.
    pub limit: u64,
    /// Offset of `start` in the file.
    pub offset: u64,
    /// Its file's name on the endpoint, as text to show.
    pub name: String,
    /// The build id, or nothing.
    pub build_id: String,
}

impl Mapping {
    /// Returns the file's name without its folders.
    pub fn file(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default().trim_matches(['[', ']'])
    }
}

/// An open file with symbols.
pub struct Module {
    path: PathBuf,
    loader: Loader,
    code: Vec<Code>,
    /// The file, where its instructions are known.
    instructions: Option<File>,
    /// Sizes of the functions of the symbol table by address.
    sizes: OnceCell<HashMap<u64, u64>>,
}

/// A segment of code, as the file says.
#[derive(Debug, Clone, Copy)]
struct Code {
    address: u64,
    offset: u64,
    /// 0 in a debug companion: it lacks the code, and its offsets mean nothing.
    bytes: u64,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Module {
    /// Opens a file; `None` when it is damaged.
    pub fn open(path: &Path) -> Option<Self> {
        let loader = match Loader::new(path) {
            Ok(loader) => loader,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "no symbols from this file");
                return None;
            }
        };
        let cache = ReadCache::new(File::open(path).ok()?);
        let object = object::File::parse(&cache).ok()?;
        let code = object.segments().filter_map(|segment| {
            let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { return None };
            let (offset, bytes) = segment.file_range();
            let is_code = p_flags & object::elf::PF_X != object::elf::ProgramFlags(0);
            is_code.then_some(Code { address: segment.address(), offset, bytes })
        });
        let code = code.collect();
        let instructions = match object.architecture() {
            Architecture::X86_64 => Some(File::open(path).ok()?),
            _ => None,
        };
        Some(Self { path: path.to_owned(), loader, code, instructions, sizes: OnceCell::new() })
    }

    /// Names what is at a runtime address of a mapping of this file: the innermost inlined function
    /// first, the function itself last; nothing when nothing is known.
    pub fn frames(&self, mapping: &Mapping, address: u64) -> Vec<Frame> {
        let Some(address) = self.file_address(mapping, address) else { return Vec::new() };
        let address = self.entered_at(address);
        let mut frames = self.lines(address);
        // Line tables alone name a function without its path: `op_i`, `le`. The symbol table has the whole
        // name of the one that was not inlined, the source file tells the package of the others.
        let inlined = frames.len().saturating_sub(1);
        for frame in frames.iter_mut().take(inlined) {
            if let Some(package) = package(&frame.file).filter(|_| !is_path(&frame.function)) {
                frame.function = format!("{package}::{}", frame.function);
            }
        }
        match (frames.last_mut(), self.symbol(address)) {
            (Some(last), Some(symbol)) => last.function = symbol,
            (Some(last), None) if last.function.is_empty() => frames.clear(),
            (Some(_) | None, None) => {}
            (None, Some(function)) => {
                frames.push(Frame { function, file: String::new(), line: 0 });
            }
        }
        frames
    }

    /// Translates a runtime address to the file's own, wherever the file was mapped.
    fn file_address(&self, mapping: &Mapping, address: u64) -> Option<u64> {
        let distance = address.checked_sub(mapping.start)?;
        let offset = mapping.offset.checked_add(distance)?;
        let holds =
            |code: &&Code| offset.checked_sub(code.offset).is_some_and(|at| at < code.bytes);
        if let Some(code) = self.code.iter().find(holds) {
            return code.address.checked_add(offset - code.offset);
        }
        // A debug companion: its one segment of code was mapped at the start of its first page.
        match self.code.as_slice() {
            [code] if code.bytes == 0 => {
                (code.address / PAGE_BYTES * PAGE_BYTES).checked_add(distance)
            }
            _ => None,
        }
    }

    /// A sample that came due in the kernel is taken on the way out of it, at the instruction *behind* the
    /// system call; that may be anything inlined. The time belongs to the call.
    fn entered_at(&self, address: u64) -> u64 {
        let call = SYSCALL.len() as u64;
        let is_call = |file: &File| {
            let before = address.checked_sub(call)?;
            let holds =
                |code: &&Code| before.checked_sub(code.address).is_some_and(|at| at < code.bytes);
            let code = self.code.iter().find(holds)?;
            let mut bytes = [0; SYSCALL.len()];
            file.read_exact_at(&mut bytes, code.offset + (before - code.address)).ok()?;
            (bytes == SYSCALL).then_some(before)
        };
        self.instructions.as_ref().and_then(is_call).unwrap_or(address)
    }

    /// Looks into the debug information.
    fn lines(&self, address: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        let Ok(mut found) = self.loader.find_frames(address) else { return frames };
        while let Ok(Some(frame)) = found.next() {
            if frames.len() == INLINED_MAX {
                // The last one is always the function itself.
                frames.pop();
            }
            let function = frame.function.as_ref().and_then(|name| name.demangle().ok());
            let file = frame.location.as_ref().and_then(|location| location.file);
            frames.push(Frame {
                function: printable(&function.unwrap_or_default()),
                file: printable(file.unwrap_or_default()),
                line: frame.location.as_ref().and_then(|location| location.line).unwrap_or(0),
            });
        }
        frames
    }

    /// Looks into the symbol table. An address behind a function's end is not the function's.
    fn symbol(&self, address: u64) -> Option<String> {
        let symbol = self.loader.find_symbol_info(address)?;
        let sizes = self.sizes.get_or_init(|| sizes(&self.path).unwrap_or_default());
        let size = sizes.get(&symbol.address())?;
        let is_inside = address.checked_sub(symbol.address()).is_some_and(|at| at < *size);
        is_inside.then(|| printable(&format!("{:#}", rustc_demangle::demangle(symbol.name()))))
    }
}

/// Whether a name says where its function is: `a::b<c>`, `<a as b>::c`; but not `b<a::c>`.
fn is_path(function: &str) -> bool {
    let (name, _) = function.split_once('<').unwrap_or((function, ""));
    function.starts_with('<') || name.contains("::")
}

/// Returns the package of a Rust source file: the folder around the last `src`, without its version.
fn package(file: &str) -> Option<&str> {
    let (folder, _) = file.strip_suffix(".rs")?.rsplit_once("/src/")?;
    let name = folder.rsplit('/').next().filter(|name| !name.is_empty())?;
    match name.rsplit_once('-') {
        Some((package, version))
            if version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.') =>
        {
            Some(package)
        }
        _ => Some(name),
    }
}

fn sizes(path: &Path) -> Option<HashMap<u64, u64>> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let object = object::File::parse(&cache).ok()?;
    let mut sizes = HashMap::new();
    for symbol in object.symbols().chain(object.dynamic_symbols()) {
        let size = sizes.entry(symbol.address()).or_insert(0);
        *size = symbol.size().max(*size);
    }
    Some(sizes)
}

/// Makes a name safe to show in one line of a listing: no control characters, no separators of folded
/// stacks, no end of a line, not too long.
pub(super) fn printable(name: &str) -> String {
    let shown = |char: char| match char {
        ';' => ':',
        char if char.is_control() => '?',
        // Marks that turn the direction of the text.
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        char => char,
    };
    name.chars().take(NAME_CHARS_MAX).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_path, package};

    #[test]
    fn a_type_argument_does_not_say_where_a_function_is() {
        for whole in ["a::b", "a::b<c>", "<a as b>::c"] {
            assert!(is_path(whole), "{whole}");
        }
        for bare in ["b", "b<a::c>", "{closure#0}<a::c>", ""] {
            assert!(!is_path(bare), "{bare}");
        }
    }

    #[test]
    fn an_inlined_function_is_named_with_its_package() {
        let cases = [
            ("/home/me/.cargo/registry/src/index/md-5-0.10.6/src/compress/soft.rs", Some("md-5")),
            (
                "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/num/mod.rs",
                Some("core"),
            ),
            ("/build/muster/agent/src/lanes.rs", Some("agent")),
            ("/build/utf-8/src/lib.rs", Some("utf-8")),
            ("/usr/include/c++/12/bits/vector.h", None),
            ("/src/main.rs", None),
            ("", None),
        ];
        for (file, expected) in cases {
            assert_eq!(package(file), expected, "{file}");
        }
    }
}
