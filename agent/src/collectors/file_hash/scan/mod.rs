//! Workers pull batches from the walk, open each entry, and read each regular file once.
//!
//! A file is looked at and opened ([`open`]), then either known to the cache ([`cache`]), read whole
//! into a buffer ([`small`]), or read as a stream ([`stream`]), alone or beside others ([`reader`]). A
//! big one waits for any worker that is free ([`big_files`], [`read_big`]), and a second one may read
//! for it ([`pipelined`]). What is not in memory is asked for ahead ([`read_ahead`]) and leaves the
//! page cache as it was found ([`page_cache`]). Files with several names are read once
//! ([`hard_links`]).

pub(crate) mod big_files;
pub(crate) mod cache;
pub(crate) mod hard_links;
pub(crate) mod open;
pub(crate) mod page_cache;
pub(crate) mod pipelined;
pub(crate) mod read_ahead;
pub(crate) mod read_big;
pub(crate) mod reader;
pub(crate) mod small;
pub(crate) mod stream;
pub(crate) mod worker;
