//! The navigation at the left.

import { useLocation } from "preact-iso/router";
import { Icon } from "../parts/icon.tsx";
import { Text } from "../parts/text.tsx";
import { session } from "../session/session.ts";

const PLACES: [string, string, string][] = [
  ["/", "Overview", "home"],
  ["/agents", "Agents", "agents"],
  ["/hunts", "Hunts", "hunts"],
  ["/profiles", "Profiles", "flame"],
  ["/who-has", "Who has", "digest"],
  ["/health", "Health", "health"],
  ["/audit", "Audit", "audit"],
];

/** The versions of both sides, where they differ. */
function Versions() {
  const own = session.value;
  if (!own) return null;
  const other = own.coordinator.version;
  return (
    <span>
      muster {own.version}
      {other && other !== own.version ? (
        <span class="warn">
          {" "}
          coordinator <Text of={other} most={20} />
        </span>
      ) : null}
    </span>
  );
}

/** The navigation. */
export function Nav() {
  const { path } = useLocation();
  const isAt = (place: string) =>
    place === "/" ? path === "/" : path === place || path.startsWith(`${place}/`);
  return (
    <nav class="side" aria-label="Pages">
      <a class="brand" href="/">
        <Icon name="muster" size={20} />
        Muster
      </a>
      <ul>
        {PLACES.map(([place, title, icon]) => (
          <li key={place}>
            <a href={place} aria-current={isAt(place) ? "page" : undefined}>
              <Icon name={icon} />
              {title}
            </a>
          </li>
        ))}
      </ul>
      <a class="primary" href="/hunts/new">
        <Icon name="plus" />
        New hunt
      </a>
      <span class="space" />
      <footer>
        <Text of={session.value?.coordinator.url} most={60} />
        <Versions />
      </footer>
    </nav>
  );
}
