//! The pages of `muster console`, and of a coordinator that hosts them. They hold no key and no token, and draw nothing but text and elements of their own.
//!
//! `session` exchanges the code and keeps the second secret; `api` is the only way out; `text` makes endpoints' text safe and
//! figures readable; `parts` are what pages are made of; `layout` is the frame; `pages` are the pages.

import { render } from "preact";
import { App } from "./layout/app.tsx";
import { open } from "./session/session.ts";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  void open();
  render(<App />, root);
}
