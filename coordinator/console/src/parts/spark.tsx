//! Small bars within text and tables: a share, and a histogram.

import type { ComponentChildren } from "preact";

/** A bar behind a figure: how much of the greatest it is. */
export function Share({ of, most, children }: { of: number; most: number; children: ComponentChildren }) {
  const share = most > 0 ? Math.min(1, Math.max(0, of / most)) : 0;
  return (
    <span class="share">
      <i style={{ width: `${share * 100}%` }} />
      <span>{children}</span>
    </span>
  );
}

/** Bars of a histogram. */
export function Histogram({ bars, label }: { bars: { label: string; count: number }[]; label: string }) {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  return (
    <div
      class="histogram"
      role="img"
      aria-label={`${label}: ${bars.map((bar) => `${bar.label}: ${bar.count}`).join(", ")}`}
    >
      {bars.map((bar) => (
        <i
          key={bar.label}
          title={`up to ${bar.label}: ${bar.count}`}
          style={{ height: `${(bar.count / most) * 100}%` }}
        />
      ))}
    </div>
  );
}
