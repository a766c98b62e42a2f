//! The frame of every page, and which page an address shows.

import { LocationProvider, Route, Router, useLocation } from "preact-iso/router";
import { type AnyPage, PAGES } from "../pages/pages.ts";
import { Fence } from "../parts/fence.tsx";
import { useTitle } from "../parts/page.tsx";
import { Gate } from "../session/gate.tsx";
import { gate } from "../session/session.ts";
import { Broken, Header, Problems } from "./header.tsx";
import { Keys, useKeys } from "./keys.tsx";
import { Nav } from "./nav.tsx";
import { Search } from "./search.tsx";

function Frame() {
  useKeys();
  const { path } = useLocation();
  return (
    <div class="frame">
      <a class="skip" href="#main">
        To the content
      </a>
      <Nav />
      <div class="stage">
        <Header />
        <Problems />
        <Broken />
        <div id="main" class="main" tabIndex={-1}>
          <Fence key={path}>
            <Router onRouteChange={() => document.getElementById("main")?.scrollTo(0, 0)}>
              {PAGES.map(([path, page]) => (
                <Route key={path} path={path} component={page as AnyPage} />
              ))}
              <Route default component={Nowhere} />
            </Router>
          </Fence>
        </div>
      </div>
      <Search />
      <Keys />
    </div>
  );
}

function Nowhere() {
  useTitle("No such page");
  return (
    <main class="page">
      <h1>No such page</h1>
      <p>
        Go to the <a href="/">overview</a>, or press <kbd>/</kbd> and search.
      </p>
    </main>
  );
}

/** Everything. */
export function App() {
  if (gate.value !== "open") return <Gate />;
  return (
    <LocationProvider>
      <Frame />
    </LocationProvider>
  );
}
