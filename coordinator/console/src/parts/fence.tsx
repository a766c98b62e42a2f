//! Holds a failure of ours, or an answer of an unexpected shape, within the part of the page that draws it.

import { Component, type ComponentChildren } from "preact";
import { Failure } from "../api/failure.ts";
import { ErrorBox } from "./boxes.tsx";

/** Draws its children, or why they cannot be drawn. */
export class Fence extends Component<{ children?: ComponentChildren }, { why?: string }> {
  override componentDidCatch(error: unknown): void {
    this.setState({ why: error instanceof Error ? error.message : String(error) });
  }

  override render() {
    const { why } = this.state;
    if (why === undefined) return this.props.children;
    const failure = new Failure(
      "this cannot be drawn",
      why,
      "see whether muster and the coordinator are of one version",
      0,
    );
    return (
      <div class="fenced">
        <ErrorBox of={failure} retry={() => this.setState({ why: undefined as unknown as string })} />
      </div>
    );
  }
}
