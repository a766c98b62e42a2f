//! The console over real sockets, with a fake coordinator behind it: each guard, the pass-through, drafts.

mod bench;
mod draft_tests;
mod guard_tests;
mod proxy_tests;
