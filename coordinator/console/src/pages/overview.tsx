//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Overview() {
  return (
    <Page title="Overview">
      <p />
    </Page>
  );
}
