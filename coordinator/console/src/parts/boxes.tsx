//! What stands where there is nothing, something failed, or something is awaited.

import type { ComponentChildren } from "preact";
import type { Failure } from "../api/failure.ts";
import { Icon } from "./icon.tsx";
import { Text } from "./text.tsx";

/** An empty place that says what to do next. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h3>{title}</h3>
      {children}
    </div>
  );
}

/** A failure in three lines. A missing endpoint is no failure of the person's: it is said quietly. */
export function ErrorBox({ of, retry }: { of: Failure; retry?: () => void }) {
  if (of.isMissing) {
    return (
      <div class="empty" role="status">
        <h3>Not available from this coordinator</h3>
        <p>It has no such endpoint: it is older than these pages. Everything else works.</p>
      </div>
    );
  }
  return (
    <div class="errorbox" role="alert">
      <Icon name="alert" />
      <dl>
        <dt>error</dt>
        <dd>
          <Text of={of.what} most={600} />
        </dd>
        {of.why ? (
          <>
            <dt>cause</dt>
            <dd>
              <Text of={of.why} most={2000} />
            </dd>
          </>
        ) : null}
        {of.next ? (
          <>
            <dt>try</dt>
            <dd>
              <Text of={of.next} most={600} />
            </dd>
          </>
        ) : null}
      </dl>
      {retry ? (
        <button type="button" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}

/** Something is awaited. */
export function Loading({ what = "Loading…" }: { what?: string }) {
  return (
    <div class="loading" role="status">
      {what}
    </div>
  );
}
