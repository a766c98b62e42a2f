//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Hunt() {
  return (
    <Page title="Hunt">
      <p />
    </Page>
  );
}
