import assert from "node:assert/strict";
import { test } from "node:test";
import { commandOf, fieldsOf, typedOf } from "./fields.ts";
import { wordsOf } from "./shell.ts";

test("words are those of a shell", () => {
  assert.deepEqual(wordsOf("muster hunt run"), ["muster", "hunt", "run"]);
  assert.deepEqual(wordsOf("--root '/a b' --include '*.p\"hp' \"x \\\"y\\\" z\" a\\ b ''"), [
    "--root",
    "/a b",
    "--include",
    '*.p"hp',
    'x "y" z',
    "a b",
    "",
  ]);
  assert.deepEqual(wordsOf("'it'\\''s'"), ["it's"]);
  assert.deepEqual(wordsOf("  "), []);
});

test("fields leave out what is empty, and split what has one value a line", () => {
  const typed = { target: " all ", root: "/usr\n\n /with space \n", hash: ["md5"], kind: [], follow: false };
  assert.deepEqual(fieldsOf({ ...typed, fresh: true, max_cpu: "" }), {
    target: "all",
    root: ["/usr", " /with space "],
    hash: ["md5"],
    fresh: true,
  });
  assert.deepEqual(fieldsOf({ a: "1", b: "2" }, new Set(["b"])), { a: "1" });
});

test("a command that was written is read back", () => {
  const chosen = new Set(["hash", "kind"]);
  const typed = {
    target: "label:db and not host:'x'",
    root: "/usr/bin\n/home/a b",
    include: "*.php",
    hash: ["sha256", "md5"],
    follow: true,
    max_size: "10M",
    on_stall: "30s",
  };
  const line = commandOf(["hunt", "launch"], fieldsOf(typed));
  assert.ok(line.includes(" --hash sha256,md5"), line);
  assert.ok(line.includes(" --on-stall=30s"), line);
  assert.deepEqual(typedOf(line, chosen), typed);
});

test("lists are named, and what no form knows is kept for the parser to refuse", () => {
  assert.equal(
    commandOf(["hunt", "launch"], { follow: true }, ["bad list.txt"]),
    "muster hunt launch --follow --ioc 'bad list.txt'",
  );
  const line = "muster hunt run --ioc HASHES --ioc-skip-bad --root /x";
  assert.deepEqual(typedOf(line, new Set()), { root: "/x" });
  assert.deepEqual(typedOf("muster hunt run --novelty 3 --agent a,b", new Set()), {
    novelty: "3",
    agents: "a,b",
  });
});

test("a root that is no text keeps its bytes", () => {
  const line =
    "muster hunt run --root $'/b\\xff\\x0a\\'' --root $'/t\\xc3\\xa4xt' --root '/a b' --exclude=-x";
  const typed = typedOf(line, new Set());
  assert.deepEqual(typed, { root: "/täxt\n/a b", root_bytes: ["L2L/Cic="], exclude: "-x" });
  const fields = fieldsOf(typed);
  assert.deepEqual(fields.root, ["/täxt", "/a b", { base64: "L2L/Cic=" }]);
  assert.deepEqual(fieldsOf(typed, new Set(["root"])), { exclude: ["-x"] });
  assert.deepEqual(typedOf(commandOf(["hunt", "launch"], fields), new Set()), typed);
});
