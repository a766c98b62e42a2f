//! `--draft FILE`: a form that a page has written, reviewed and signed on the terminal.

use std::io::Read;
use std::path::{Path, PathBuf};

use muster_protocol::limits::DRAFT_FILE_BYTES_MAX;

use super::{Form, FormKind, Review, prepare, text_of};
use crate::Context;
use crate::failure::{Exit, Failure};
use crate::hunt::{self, ListFile};
use crate::output::Document;

/// Launches the hunt of a file.
pub(crate) fn launch_hunt(
    context: &Context,
    path: &Path,
    lists: &[ListFile],
    is_sure: bool,
) -> Result<Exit, Failure> {
    let form = read(path, FormKind::Hunt)?;
    if lists.is_empty() && !form.lists.is_empty() {
        let cause = "a draft holds no list of hashes";
        return Err(Failure::usage("the list is missing", cause, "add --ioc FILE"));
    }
    launch(context, &form, lists, is_sure, "muster hunt watch")
}

/// Takes the profile of a file, and does not wait for it.
pub(crate) fn take_profile(context: &Context, path: &Path, is_sure: bool) -> Result<Exit, Failure> {
    let form = read(path, FormKind::Profile)?;
    launch(context, &form, &[], is_sure, "muster profile show")
}

fn launch(
    context: &Context,
    form: &Form,
    lists: &[ListFile],
    is_sure: bool,
    next: &str,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let signer = context.settings.operator()?.signer()?;
    let prepared = prepare(form, lists, signer, &client)?;
    let review = text_of(&Review::of(&prepared)?);
    if is_sure {
        context.out.note(&review);
    } else {
        context.out.prompt(&review);
        match context.out.ask("Sign and launch this?") {
            Some(true) => {}
            Some(false) => {
                let cause = "the answer was no";
                return Err(Failure::new(Exit::Refused, "nothing was launched", cause, ""));
            }
            None => {
                let cause = "there is no terminal to ask on";
                return Err(Failure::usage("not without a yes", cause, "add --yes"));
            }
        }
    }
    let sealed = prepared.sign(&context.settings.operator()?)?;
    let Some(launched) = prepared.submit(&client, &sealed)?.pop() else {
        return Err(Failure::bug("nothing was launched", "the draft was empty"));
    };
    hunt::print_launched(context, &Document::of(launched)?, Some(next))?;
    Ok(Exit::Done)
}

fn read(path: &Path, wanted: FormKind) -> Result<Form, Failure> {
    let bad = |cause: String| {
        let what = format!("{} is not a draft", path.display());
        Failure::usage(what, cause, "give the file that a page of Muster wrote")
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let read = file.take(DRAFT_FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() as u64 > DRAFT_FILE_BYTES_MAX {
        return Err(bad(format!("it has more than {DRAFT_FILE_BYTES_MAX} bytes")));
    }
    let form: Form = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if form.kind == wanted {
        return Ok(form);
    }
    let verb = match (form.kind, form.kind.control()) {
        (_, Some((noun, verb))) => {
            format!("muster {noun} {} {}", verb.as_str(), noun.to_uppercase())
        }
        (FormKind::Profile, None) => "muster profile take --draft FILE".to_owned(),
        (_, None) => "muster hunt launch --draft FILE".to_owned(),
    };
    Err(Failure::usage("this draft is of something else", "its kind is another one", &verb))
}

/// Means files that were named on the command line.
pub(crate) fn lists(paths: &[PathBuf], skips_bad: bool) -> Vec<ListFile> {
    let list = |path: &PathBuf| ListFile {
        path: path.clone(),
        name: path.display().to_string(),
        skips_bad,
    };
    paths.iter().map(list).collect()
}
