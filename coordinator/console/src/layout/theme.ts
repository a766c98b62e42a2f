//! Light or dark, as the person chose, else as the system says.

import { effect, signal } from "@preact/signals";

const KEPT = "muster-theme";

/** The theme. */
export type Theme = "system" | "light" | "dark";

function kept(): Theme {
  const theme = localStorage.getItem(KEPT);
  return theme === "light" || theme === "dark" ? theme : "system";
}

/** What the person chose. */
export const theme = signal<Theme>(kept());

const system = matchMedia("(prefers-color-scheme: dark)");
/** Whether the pages are dark now. */
export const isDark = signal(false);

effect(() => {
  isDark.value = theme.value === "dark" || (theme.value === "system" && system.matches);
  document.documentElement.dataset.theme = isDark.value ? "dark" : "light";
  localStorage.setItem(KEPT, theme.value);
});
system.addEventListener("change", () => {
  if (theme.value === "system") isDark.value = system.matches;
  document.documentElement.dataset.theme = isDark.value ? "dark" : "light";
});

/** Switches between light and dark. */
export function toggleTheme(): void {
  theme.value = isDark.value ? "light" : "dark";
}
