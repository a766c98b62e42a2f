//! What a refusal means for a page: an endpoint that an older coordinator has not, or a thing that is not there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { refused } from "./failure.ts";

const said = (error: string) => JSON.stringify({ error, cause: "why", try: "look", code: 64 });

test("a missing endpoint disables its panel, a missing thing is said", () => {
  for (const [status, text, isMissing] of [
    [404, said('no endpoint "/api/v1/later"'), true],
    [404, said('no page ""'), true],
    [405, said("the endpoint does not take this method"), true],
    [404, "<html>", true],
    [404, said('no hunt "01a2"'), false],
    [400, said("cannot use this filter"), false],
  ] as const) {
    const failure = refused(status, text);
    assert.equal(failure.isMissing, isMissing, `${status} ${text}`);
    assert.equal(failure.isUnknown, status === 404 && !isMissing, `${status} ${text}`);
  }
});
