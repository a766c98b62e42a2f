//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Audit() {
  return (
    <Page title="Audit">
      <p />
    </Page>
  );
}
