//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function WhoHas() {
  return (
    <Page title="Who-has">
      <p />
    </Page>
  );
}
