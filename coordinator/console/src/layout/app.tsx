//! The frame of every page, and which page an address shows.

import { Component, type ComponentChildren } from "preact";
import { LocationProvider, Route, Router } from "preact-iso/router";
import { failureOf } from "../api/failure.ts";
import { type AnyPage, PAGES } from "../pages/pages.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { useTitle } from "../parts/page.tsx";
import { Gate } from "../session/gate.tsx";
import { gate } from "../session/session.ts";
import { Broken, Header, Problems } from "./header.tsx";
import { Keys, useKeys } from "./keys.tsx";
import { Nav } from "./nav.tsx";
import { Search } from "./search.tsx";

/** Catches what a page throws: the frame stays. */
class Fence extends Component<{ children: ComponentChildren }, { error?: unknown }> {
  override componentDidCatch(error: unknown): void {
    this.setState({ error });
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <main class="page">
        <h1>This page failed</h1>
        <ErrorBox of={failureOf(this.state.error)} retry={() => location.reload()} />
      </main>
    );
  }
}

function Frame() {
  useKeys();
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
          <Fence>
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
