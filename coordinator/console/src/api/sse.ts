//! A parser of server-sent events that takes any cut of the stream.

/** One event. */
export interface ServerEvent {
  id: string | undefined;
  name: string;
  data: string;
}

/** A line of more characters than this ends the stream. */
const LINE_MAX = 8 * 1024 * 1024;

/** Takes pieces of a stream and returns the events that are whole. */
export class SseParser {
  private rest = "";
  private id: string | undefined;
  private name = "";
  private data: string[] = [];
  private size = 0;
  /** What the stream asks for as the pause before the next attempt, in milliseconds. */
  retryMs: number | undefined;

  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const text = this.rest + piece;
    let from = 0;
    for (;;) {
      const match = /\r\n|\n|\r(?!$)/g;
      match.lastIndex = from;
      const end = match.exec(text);
      if (!end) break;
      const event = this.line(text.slice(from, end.index));
      if (event) events.push(event);
      from = match.lastIndex;
    }
    this.rest = text.slice(from);
    if (this.rest.length > LINE_MAX || this.size > LINE_MAX) throw new Error("an event is too large");
    return events;
  }

  private line(line: string): ServerEvent | undefined {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    else if (field === "data") {
      this.data.push(value);
      this.size += value.length;
    } else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d{1,7}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  private dispatch(): ServerEvent | undefined {
    const { name, data, id } = this;
    this.name = "";
    this.data = [];
    this.size = 0;
    return data.length ? { id, name: name || "message", data: data.join("\n") } : undefined;
  }
}
