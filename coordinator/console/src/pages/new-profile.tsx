//! A new profile: of agents or of the coordinator, now or while a hunt runs.

import { useLocation } from "preact-iso/router";
import { path } from "../api/client.ts";
import type { AgentView, HuntView, ProfileView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import type { Form } from "../forms/console.ts";
import { Checks, type Entry, Section, TextField } from "../forms/field.tsx";
import { chosenOf, commandOf, fieldsOf, type Typed, textOf } from "../forms/fields.ts";
import { Handover } from "../forms/handover.tsx";
import { usePreview } from "../forms/preview.tsx";
import { Review, WhyNot } from "../forms/review.tsx";
import { useForm } from "../forms/use-form.ts";
import { Beside, ExpressionField } from "../forms/whom.tsx";
import { ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Page } from "../parts/page.tsx";
import { Panel } from "../parts/panel.tsx";
import { Choice } from "../parts/tabs.tsx";
import { useAddress } from "../parts/url.ts";
import { KINDS } from "../profile/kinds.ts";
import { maySign } from "../session/session.ts";

/** Agents that are profiled by their ids. */
const AGENTS_MAX = 64;

type Whom = "agents" | "target" | "coordinator";

const WHOM: [Whom, string][] = [
  ["agents", "Agents by id"],
  ["target", "Agents that match"],
  ["coordinator", "The coordinator"],
];

/** The page: `/profiles/new`. */
export function NewProfile() {
  const address = useAddress();
  const from = address.get("from");
  const copied = useGet<ProfileView>(from ? `/profiles${path(from)}` : undefined);
  const earlier = copied.data;
  const agents = address
    .all("agent")
    .flatMap((one) => one.split(","))
    .filter(Boolean);
  const given: Typed = { whom: "agents", kind: ["cpu"] };
  if (earlier) {
    given.agents = earlier.agents
      .map((one) => one.agent)
      .slice(0, AGENTS_MAX)
      .join(",");
    given.kind = earlier.kinds;
    given.seconds = String(earlier.seconds);
    given.hertz = String(earlier.hertz);
  }
  if (agents.length > 0) given.agents = agents.join(",");
  if (address.get("target")) Object.assign(given, { whom: "target", target: address.get("target") });
  if (address.get("hunt")) given.while = address.get("hunt");
  if (address.get("coordinator")) given.whom = "coordinator";
  // Of a hunt whose agents are not named, those that it is for.
  const ofHunt =
    address.get("hunt") && agents.length === 0 && !address.get("target") ? address.get("hunt") : "";
  const hunt = useGet<HuntView>(ofHunt ? `/hunts${path(ofHunt)}` : undefined);
  if (hunt.data) Object.assign(given, { whom: "target", target: hunt.data.target });
  const isAwaited = (from && !earlier && !copied.failure) || (ofHunt && !hunt.data && !hunt.failure);
  if (isAwaited) return <Page title="New profile">{null}</Page>;
  const origin = [from, ...agents, address.get("target"), address.get("hunt"), address.get("coordinator")]
    .join("\n")
    .trim();
  return <ProfileForm key={from} origin={origin} initial={given} />;
}

function formOf(typed: Typed): Form {
  const whom = (textOf(typed, "whom") || "agents") as Whom;
  const without = new Set(["whom", ...WHOM.map(([one]) => one as string).filter((one) => one !== whom)]);
  if (whom !== "target") without.add("sample");
  if (whom === "coordinator") without.add("while");
  const fields = fieldsOf(typed, without);
  if (whom === "coordinator") fields.coordinator = true;
  if (typeof fields.agents === "string") fields.agents = fields.agents.split(/[\s,]+/).filter(Boolean);
  return { kind: "profile", fields };
}

function ProfileForm({ origin, initial }: { origin: string; initial: Typed }) {
  const { route } = useLocation();
  const filling = useForm("muster-form-profile", origin, initial);
  const { typed, set, errors } = filling;
  const entry: Entry = { typed, set, errors };
  const whom = (textOf(typed, "whom") || "agents") as Whom;
  const ids = textOf(typed, "agents")
    .split(/[\s,]+/)
    .filter(Boolean);
  const expr = whom === "target" ? textOf(typed, "target") : ids.map((id) => `id:${id}`).join(" or ");
  const previewed = usePreview(expr, whom === "target" ? textOf(typed, "sample") : "");
  // Of one agent it is known what it offers.
  const only = whom === "agents" && ids.length === 1 ? ids[0] : undefined;
  const agent = useGet<AgentView>(only ? `/agents${path(only)}` : undefined);
  const offered = only && agent.data ? agent.data.capabilities : undefined;
  const form = formOf(typed);
  const line = commandOf(["profile", "take"], form.fields);
  const isMany = whom === "agents" && ids.length > AGENTS_MAX;
  const isWrong = whom === "target" && Boolean(previewed.preview?.error) && !previewed.isOld;
  const isEmpty = chosenOf(typed, "kind").length === 0 || (whom === "agents" && ids.length === 0);
  if (filling.handover) {
    return (
      <Page title="New profile">
        <Handover form={filling.handover} line={line} onBack={filling.back} />
      </Page>
    );
  }
  if (filling.draft) {
    return (
      <Page title="New profile: review">
        <Review
          draft={filling.draft}
          act="Sign and take"
          onBack={filling.back}
          onLaunched={(answer) => {
            filling.forget();
            const isOne = whom === "coordinator" || ids.length === 1;
            route(`/profiles${isOne ? path(answer.about, "-") : path(answer.about)}`);
          }}
        />
      </Page>
    );
  }
  return (
    <Page title="New profile">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void filling.review(form);
        }}
      >
        <div class="formmain">
          <Section title="Whom">
            <div class="field">
              <Choice label="Whom" value={whom} values={WHOM} onChange={(next) => set({ whom: next })} />
            </div>
            {whom === "agents" ? (
              <TextField
                entry={entry}
                name="agents"
                label="Ids, or their unique beginnings"
                hint="web-1,web-2"
                about={
                  isMany ? (
                    <span class="warn">More than {AGENTS_MAX}: profile those of a hunt instead.</span>
                  ) : (
                    "By commas."
                  )
                }
              />
            ) : null}
            {whom === "target" ? (
              <>
                <ExpressionField entry={entry} previewed={previewed} />
                <TextField entry={entry} name="sample" label="A sample of them" hint="all" />
              </>
            ) : null}
            {whom === "coordinator" ? (
              <p class="quiet">The coordinator profiles itself: ingest, store, views.</p>
            ) : null}
          </Section>
          <Section title="What" about="All kinds over the same window.">
            <Checks
              entry={entry}
              name="kind"
              label="Kinds"
              values={KINDS.filter((kind) => !offered || offered.includes(`profile.${kind.id}`)).map(
                (kind) => [kind.id, kind.title, kind.answers],
              )}
            />
            {offered && KINDS.some((kind) => !offered.includes(`profile.${kind.id}`)) ? (
              <p class="about">
                This agent does not offer{" "}
                {KINDS.filter((kind) => !offered.includes(`profile.${kind.id}`))
                  .map((kind) => kind.title)
                  .join(", ")}
                .
              </p>
            ) : null}
          </Section>
          <Section title="When">
            <div class="formfields two">
              <TextField
                entry={entry}
                name="seconds"
                label="Length of the window, seconds"
                hint={textOf(typed, "while") ? "600" : "10"}
              />
              <TextField
                entry={entry}
                name="hertz"
                label="Samples a second and thread"
                hint="99"
                about="At most 250."
              />
              {whom === "coordinator" ? null : (
                <TextField
                  entry={entry}
                  name="while"
                  label="Only while this hunt runs there"
                  hint="a hunt's id"
                  about="The window opens when the hunt begins on the agent and closes when it ends."
                />
              )}
              <TextField entry={entry} name="expires" label="Who is away may still begin for" hint="10m" />
            </div>
          </Section>
        </div>
        <aside class="formside">
          {whom === "coordinator" ? (
            <Panel title="The same by command">
              <Command text={line} />
            </Panel>
          ) : (
            <Beside previewed={previewed} line={line} />
          )}
          {textOf(typed, "while") && whom !== "coordinator" ? null : (
            <Panel title="One each minute">
              <p class="quiet">A series needs a process that stays: the command line takes it.</p>
              <Command text={`${line} --repeat 60s --for 1h`} />
            </Panel>
          )}
          {maySign.value ? null : <WhyNot />}
          {filling.failure ? <ErrorBox of={filling.failure} /> : null}
          <div class="toolbar signbar">
            <button
              type="submit"
              class="primary"
              data-act="review"
              disabled={isWrong || isEmpty || isMany || filling.isDrafting}
            >
              {maySign.value ? (filling.isDrafting ? "Drafting…" : "Review") : "Make a draft"}
            </button>
          </div>
        </aside>
      </form>
    </Page>
  );
}
