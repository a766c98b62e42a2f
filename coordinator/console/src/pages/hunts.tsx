//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Hunts() {
  return (
    <Page title="Hunts">
      <p />
    </Page>
  );
}
