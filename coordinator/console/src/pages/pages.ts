//! Which page is at which path.

import type { AnyComponent } from "preact";
import { Agent } from "./agent.tsx";
import { Agents } from "./agents.tsx";
import { Audit } from "./audit.tsx";
import { Health } from "./health.tsx";
import { Hunt } from "./hunt.tsx";
import { Hunts } from "./hunts.tsx";
import { Overview } from "./overview.tsx";
import { WhoHas } from "./who-has.tsx";

/** A page takes what the router gives: `params` of its path. */
// biome-ignore lint/suspicious/noExplicitAny: each page names the parameters of its own path
export type AnyPage = AnyComponent<any>;

/** Pages by path. The first that fits is shown. */
export const PAGES: [string, AnyPage][] = [
  ["/", Overview],
  ["/agents", Agents],
  ["/agents/:id", Agent],
  ["/hunts", Hunts],
  ["/hunts/:id", Hunt],
  ["/who-has", WhoHas],
  ["/health", Health],
  ["/audit", Audit],
];
