//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Agent() {
  return (
    <Page title="Agent">
      <p />
    </Page>
  );
}
