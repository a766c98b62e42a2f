import assert from "node:assert/strict";
import { test } from "node:test";
import { Digits } from "../api/json.ts";
import { command, quote } from "./command.ts";
import { brief, bytes, count, duration, percent, plural, short } from "./format.ts";

test("figures are those of the command line", () => {
  assert.equal(bytes(0), "0 B");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1_000), "1.0 kB");
  assert.equal(bytes(12_345_678), "12.3 MB");
  assert.equal(bytes(123_456_789), "123 MB");
  assert.equal(bytes(new Digits("18446744073709551615")), "18446744 TB");
  assert.equal(count(7), "7");
  assert.equal(count(1_234_567), "1,234,567");
  assert.equal(duration(12), "12 ms");
  assert.equal(duration(1_234), "1.2 s");
  assert.equal(duration(61_000), "1 min 1 s");
  assert.equal(duration(90_000_000), "1 d 1 h");
});

test("a count keeps all its digits", () => {
  assert.equal(count(new Digits("18446744073709551615")), "18,446,744,073,709,551,615");
});

test("what is not there is a dash", () => {
  for (const write of [count, bytes, percent, duration, short]) assert.equal(write(null), "–");
});

test("short forms", () => {
  assert.equal(short(59_999), "59 s");
  assert.equal(short(7_200_000), "2 h");
  assert.equal(plural(1, "agent"), "1 agent");
  assert.equal(plural(2_000, "agent"), "2,000 agents");
  assert.equal(brief("0191d0a2c4e5f60718293a4b5c6d7e8f"), "0191d0a2");
  assert.equal(brief("web-00123-abcdef"), "web-00123-abcdef");
});

test("a command is quoted for a shell", () => {
  assert.equal(quote("label:role=web"), "label:role=web");
  assert.equal(quote("a'b; rm -rf /"), `'a'\\''b; rm -rf /'`);
  assert.equal(
    command(["hunt", "show", "$(id)"], { state: "", sort: "-cpu" }),
    "muster hunt show '$(id)' --sort=-cpu",
  );
});
