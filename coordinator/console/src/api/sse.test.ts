import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServerEvent, SseParser } from "./sse.ts";

const STREAM =
  ': hello\n\nid: 1\nevent: hunt\ndata: {"a":1}\n\nretry: 700\nid: 2\nevent: agents\ndata: one\ndata: two\r\n\r\n: beat\n\ndata:plain\n\nevent: none\n\n';
const EVENTS: ServerEvent[] = [
  { id: "1", name: "hunt", data: '{"a":1}' },
  { id: "2", name: "agents", data: "one\ntwo" },
  { id: "2", name: "message", data: "plain" },
];

test("a stream is the same however it is cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const parser = new SseParser();
    const events: ServerEvent[] = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EVENTS, `pieces of ${size}`);
    assert.equal(parser.retryMs, 700);
  }
});

test("half an event is none", () => {
  assert.deepEqual(new SseParser().push("event: hunt\ndata: {}\n"), []);
});

test("an endless line ends the stream", () => {
  const parser = new SseParser();
  const piece = "x".repeat(1024 * 1024);
  assert.throws(() => {
    for (let at = 0; at < 20; at++) parser.push(piece);
  }, /too large/);
});

test("endless data lines end the stream", () => {
  const parser = new SseParser();
  const line = `data: ${"x".repeat(1024 * 1024)}\n`;
  assert.throws(() => {
    for (let at = 0; at < 20; at++) parser.push(line);
  }, /too large/);
});
