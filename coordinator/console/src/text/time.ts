//! Times, in UTC or local, always with the zone. "Now" is the coordinator's: the browser's clock only measures spans.

import { signal } from "@preact/signals";

const KEPT = "muster-utc";

/** Whether times are shown in UTC. */
export const isUtc = signal(localStorage.getItem(KEPT) !== "local");

/** Shows times in UTC, or in the browser's zone. */
export function setUtc(utc: boolean): void {
  isUtc.value = utc;
  localStorage.setItem(KEPT, utc ? "utc" : "local");
}

/** The coordinator's time at a moment of the browser's monotonic clock; nothing before the first answer. */
let heard: { ms: number; at: number } | undefined;

/** Takes the time of an answer as the coordinator's present. */
export function hear(asOf: unknown): void {
  const ms = typeof asOf === "string" ? Date.parse(asOf) : Number.NaN;
  if (!Number.isFinite(ms)) return;
  const isFirst = heard === undefined;
  heard = { ms, at: performance.now() };
  // Ages that are shown already had no present until now.
  if (isFirst) tick.value += 1;
}

/** Returns the coordinator's time, in milliseconds since 1970; nothing before the first answer. */
export function now(): number | undefined {
  return heard && heard.ms + (performance.now() - heard.at);
}

/** Grows every second while the page is visible: whoever shows an age reads it. */
export const tick = signal(0);
setInterval(() => {
  if (!document.hidden) tick.value += 1;
}, 1000);

/** Returns how long ago a time of an answer was, in milliseconds. */
export function ago(time: string | null | undefined): number | undefined {
  const at = time ? Date.parse(time) : Number.NaN;
  const present = now();
  return Number.isFinite(at) && present !== undefined ? Math.max(0, present - at) : undefined;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** Returns the name of the zone that times are shown in. */
export function zone(at: Date = new Date()): string {
  if (isUtc.value) return "UTC";
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "local";
}

/** Writes a moment: `2026-11-30 12:03:11 UTC`. */
export function moment(time: string | number | null | undefined): string {
  const at = parse(time);
  return at ? `${day(at)} ${clock(at)} ${zone(at)}` : "–";
}

/** Writes a moment for a column whose head names the zone: without the year's first digits and the zone. */
export function brief(time: string | number | null | undefined): string {
  const at = parse(time);
  return at ? `${day(at).slice(5)} ${clock(at)}` : "–";
}

/** Writes the time of day: `12:03:11 UTC`. */
export function timeOfDay(time: string | number | null | undefined): string {
  const at = parse(time);
  return at ? `${clock(at)} ${zone(at)}` : "–";
}

function parse(time: string | number | null | undefined): Date | undefined {
  if (time === null || time === undefined) return undefined;
  const at = new Date(time);
  return Number.isFinite(at.getTime()) ? at : undefined;
}

function day(at: Date): string {
  return isUtc.value
    ? at.toISOString().slice(0, 10)
    : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function clock(at: Date): string {
  return isUtc.value
    ? at.toISOString().slice(11, 19)
    : `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
