//! The span of time that a curve shows: a length that ends now, or two fixed moments.

import { Choice } from "./tabs.tsx";

/** Spans to choose from. */
export const SPANS = ["15m", "1h", "6h", "24h", "7d", "30d", "90d"] as const;
/** One of them. */
export type SpanName = (typeof SPANS)[number];

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns the length of a span in milliseconds; that of the first where it is none. */
export function spanMs(span: string): number {
  const match = /^(\d{1,4})([mhd])$/.exec(span);
  return match ? Number(match[1]) * (UNITS[match[2] ?? ""] ?? 0) : 900_000;
}

/** Chooses a span. */
export function SpanChoice({ value, onChange }: { value: string; onChange: (span: string) => void }) {
  return (
    <Choice
      label="Span of time"
      value={value}
      values={SPANS.map((span) => [span, span] as const)}
      onChange={onChange}
    />
  );
}
