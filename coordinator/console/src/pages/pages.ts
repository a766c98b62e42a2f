//! Which page is at which path.

import type { AnyComponent } from "preact";
import { Agent } from "./agent.tsx";
import { Agents } from "./agents.tsx";
import { Audit } from "./audit.tsx";
import { Compare } from "./compare.tsx";
import { Health } from "./health.tsx";
import { Hunt } from "./hunt.tsx";
import { Hunts } from "./hunts.tsx";
import { NewHunt } from "./new-hunt.tsx";
import { NewProfile } from "./new-profile.tsx";
import { Overview } from "./overview.tsx";
import { Profile } from "./profile.tsx";
import { ProfileOfAgent } from "./profile-agent.tsx";
import { ProfileMerge } from "./profile-merge.tsx";
import { Profiles } from "./profiles.tsx";
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
  ["/hunts/new", NewHunt],
  ["/hunts/:id", Hunt],
  ["/profiles", Profiles],
  ["/profiles/new", NewProfile],
  ["/profiles/merge", ProfileMerge],
  ["/profiles/compare", Compare],
  ["/profiles/:id", Profile],
  ["/profiles/:id/:agent", ProfileOfAgent],
  ["/who-has", WhoHas],
  ["/health", Health],
  ["/audit", Audit],
];
