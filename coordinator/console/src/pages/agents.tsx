//! Made next.

import { Page } from "../parts/page.tsx";

/** The page. */
export function Agents() {
  return (
    <Page title="Agents">
      <p />
    </Page>
  );
}
