//! The console's pages, and what stands between them and the rest: shared by `muster console` and by the coordinator
//! that hosts them. It knows neither a key nor a token, and asks nothing of the fleet.
//!
//! * [`assets`]: the files, compiled in.
//! * [`origin`]: which requests come from our own page. [`confine`]: what an answer may become in the browser.
//! * [`session`], [`cookie`], [`secret`]: who may ask: a cookie *and* a second secret. [`view`]: what a page is told.

pub mod assets;
pub mod confine;
pub mod cookie;
pub mod origin;
pub mod secret;
pub mod session;
pub mod view;
