import assert from "node:assert/strict";
import { test } from "node:test";
import { Digits, parseJson, writeJson } from "./json.ts";

/** Node 18 and 20 parse without the text of a number. */
const hasSource = (() => {
  let seen = false;
  JSON.parse("1", ((_key: string, value: unknown, context?: { source?: string }) => {
    seen = context?.source === "1";
    return value;
  }) as (key: string, value: unknown) => unknown);
  return seen;
})();

test("maps of endpoints' keys are maps", () => {
  const value = parseJson('{"labels":{"__proto__":"x","role":"web"},"waits_ms":{"read":3}}') as Record<
    string,
    Map<string, unknown>
  >;
  assert.deepEqual(
    [...(value.labels ?? [])],
    [
      ["__proto__", "x"],
      ["role", "web"],
    ],
  );
  assert.equal(value.waits_ms?.get("read"), 3);
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

test("numbers above 2^53 keep their digits", {
  skip: hasSource ? false : "this Node parses without the source",
}, () => {
  const text = '{\n  "ino": 18446744073709551615,\n  "size": 12,\n  "share": 0.25\n}';
  const value = parseJson(text) as Record<string, unknown>;
  assert.equal(String(value.ino), "18446744073709551615");
  assert.equal(value.size, 12);
  assert.equal(writeJson(value), text);
});

test("digits compare as numbers and are written as they were", () => {
  const digits = new Digits("9223372036854775807");
  assert.ok(Number(digits) > 2 ** 53);
  assert.equal(
    writeJson({ a: [digits, null, "x"], b: new Map([["__proto__", 1]]), c: {} }, 0),
    '{"a":[9223372036854775807,null,"x"],"b":{"__proto__":1},"c":{}}',
  );
});
