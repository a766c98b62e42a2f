//! Shapes of the API that the OpenAPI document does not name.

import type { CollectionBrief, Facets, Time } from "./types.ts";

/** A part of a list. */
export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
  as_of: Time;
}

/** `GET /agents`. */
export interface FacetedPage<T> extends Page<T> {
  facets?: Facets;
}

/** Parts of a hunt that have changed. */
export interface HuntAgentsEvent {
  hunt: string;
  agents: CollectionBrief[];
}
