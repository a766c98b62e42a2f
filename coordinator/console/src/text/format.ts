//! Figures as people read them: the twin of `muster_api::units`. Bytes in units of 1,000; counts with commas.

import { Digits } from "../api/json.ts";

/** A number of an answer: with all its digits where a double cannot hold it. */
export type Figure = number | Digits | null | undefined;

/** What stands where there is no figure. */
export const NONE = "–";

/** Writes a count with commas. */
export function count(figure: Figure): string {
  if (figure === null || figure === undefined) return NONE;
  const text = figure instanceof Digits ? figure.text : String(Math.round(Number(figure)));
  return text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Writes bytes with three significant digits. */
export function bytes(figure: Figure): string {
  if (figure === null || figure === undefined) return NONE;
  const size = Number(figure);
  const steps: [number, string][] = [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ];
  for (const [step, unit] of steps) {
    if (size < step) continue;
    const tenths = Math.floor(size / (step / 10));
    const whole = Math.floor(tenths / 10);
    return whole >= 100 ? `${whole} ${unit}` : `${whole}.${tenths % 10} ${unit}`;
  }
  return `${Math.round(size)} B`;
}

/** Writes a rate of bytes. */
export function rate(figure: Figure): string {
  return figure === null || figure === undefined ? NONE : `${bytes(figure)}/s`;
}

/** Writes a share of a core. */
export function percent(figure: Figure): string {
  if (figure === null || figure === undefined) return NONE;
  const value = Number(figure);
  return `${value.toFixed(Math.abs(value) >= 100 ? 0 : 1)} %`;
}

/** Writes a length of time. */
export function duration(figure: Figure): string {
  if (figure === null || figure === undefined) return NONE;
  const ms = Math.max(0, Math.round(Number(figure)));
  const s = Math.floor(ms / 1000);
  if (s === 0) return `${ms} ms`;
  if (s < 60) return `${s}.${Math.floor((ms % 1000) / 100)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** Writes a length of time in one unit: an age. */
export function short(figure: Figure): string {
  if (figure === null || figure === undefined) return NONE;
  const s = Math.max(0, Math.floor(Number(figure) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** Writes `1 agent`, `2 agents`. */
export function plural(figure: Figure, one: string, many = `${one}s`): string {
  return `${count(figure)} ${Number(figure) === 1 ? one : many}`;
}

/** Writes an id as tables show it: of what is hexadecimal its beginning, a name as it is. */
export function brief(id: string): string {
  return /^[0-9a-f-]{16,}$/.test(id) ? id.slice(0, 8) : id;
}
