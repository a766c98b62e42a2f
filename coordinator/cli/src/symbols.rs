//! `muster symbols`: adds the files that profiles get their names from, and lists them.

use std::fs::File;
use std::path::Path;

use muster_api::SymbolsView;

use super::Context;
use super::args::Symbols;
use super::failure::{Exit, Failure};
use crate::output::{Column, Document, Show};

const COLUMNS: &[Column<SymbolsView>] = &[
    Column::new("build id", "id", Show::Text, |file| (&file.id).into()),
    Column::new("size", "bytes", Show::Bytes, |file| file.bytes.into()),
    Column::new("added", "added", Show::Text, |file| file.added.into()),
];

pub(super) fn run(context: &Context, verb: &Symbols) -> Result<Exit, Failure> {
    let client = context.client()?;
    let rows: Vec<Document<SymbolsView>> = match verb {
        Symbols::Add { files } => {
            // First all are looked at, so that a mistyped name stops everything.
            let files: Vec<File> = files.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
            let add = |file| client.upload("/api/v1/symbols", file);
            files.into_iter().map(add).collect::<Result<Vec<_>, _>>()?
        }
        Symbols::List => client.get("/api/v1/symbols")?,
    };
    context.out.list(COLUMNS, &rows)?;
    Ok(Exit::Done)
}

fn open(path: &Path) -> Result<File, Failure> {
    let next = "give a program, a library or its debug companion";
    let failed = |cause| {
        let what = format!("cannot read {}", path.display());
        Failure::usage(&what, cause, next)
    };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| failed(error.to_string()))?;
    if !metadata.is_file() {
        return Err(failed("it is no regular file".to_owned()));
    }
    Ok(file)
}
