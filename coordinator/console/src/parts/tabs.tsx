//! Tabs whose choice is in the address, and chips.

import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";
import { useAddress } from "./url.ts";

/** One tab. */
export interface Tab {
  id: string;
  title: string;
  /** A figure beside the title. */
  count?: string | undefined;
  render: () => ComponentChildren;
}

/** Tabs; the parameter `tab` of the address chooses, the first is shown where it is not given. */
export function Tabs({ tabs, name = "tab", clears = [] }: { tabs: Tab[]; name?: string; clears?: string[] }) {
  const address = useAddress();
  const chosen = tabs.find((tab) => tab.id === address.get(name)) ?? tabs[0];
  if (!chosen) return null;
  const href = (tab: Tab) =>
    address.with({
      ...Object.fromEntries(clears.map((one) => [one, ""])),
      [name]: tab === tabs[0] ? "" : tab.id,
    });
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const links = [...(event.currentTarget as HTMLElement).querySelectorAll("a")];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    links[(at + step + links.length) % links.length]?.focus();
    event.preventDefault();
  };
  return (
    <div class="tabbed">
      <nav class="tabs" aria-label="Views" onKeyDown={move}>
        {tabs.map((tab) => (
          <a key={tab.id} href={href(tab)} aria-current={tab === chosen ? "page" : undefined}>
            {tab.title}
            {tab.count ? <span class="badge">{tab.count}</span> : null}
          </a>
        ))}
      </nav>
      <div class="tab" key={chosen.id}>
        {chosen.render()}
      </div>
    </div>
  );
}

/** A filter that is on, with a button that takes it away. */
export function Chip({
  children,
  onRemove,
  tone,
}: {
  children: ComponentChildren;
  onRemove?: () => void;
  tone?: string;
}) {
  return (
    <span class={`chip ${tone ?? ""}`}>
      {children}
      {onRemove ? (
        <button type="button" class="bare" onClick={onRemove} aria-label="Remove the filter">
          <Icon name="cross" size={12} />
        </button>
      ) : null}
    </span>
  );
}

/** Chips in a row. */
export function Chips({ children }: { children: ComponentChildren }) {
  return <div class="chips">{children}</div>;
}

/** Values of which one is chosen. */
export function Choice<V extends string>(props: {
  value: V;
  values: readonly (readonly [V, string])[];
  label: string;
  onChange: (value: V) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.values.map(([value, title]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
