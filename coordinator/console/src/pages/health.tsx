//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Health() {
  return (
    <Page title="Health">
      <p />
    </Page>
  );
}
