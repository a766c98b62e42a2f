//! A new hunt: one form, the review of the bytes that it becomes, and the signature.

import { useLocation } from "preact-iso/router";
import { path } from "../api/client.ts";
import type { RequestView } from "../api/types.ts";
import { useGet } from "../api/use.ts";
import type { Form } from "../forms/console.ts";
import { type Entry, Section, TextField } from "../forms/field.tsx";
import { commandOf, fieldsOf, type Typed, textOf, typedOf } from "../forms/fields.ts";
import { Handover } from "../forms/handover.tsx";
import { Bounds, What, When, Where, Which, WhileItRuns, walksFiles } from "../forms/hunt-fields.tsx";
import { Presets } from "../forms/presets.tsx";
import { usePreview } from "../forms/preview.tsx";
import { Review, WhyNot } from "../forms/review.tsx";
import { useForm } from "../forms/use-form.ts";
import { Beside, ExpressionField } from "../forms/whom.tsx";
import { ErrorBox, Loading } from "../parts/boxes.tsx";
import { Page } from "../parts/page.tsx";
import { Id } from "../parts/text.tsx";
import { useAddress } from "../parts/url.ts";
import { maySign } from "../session/session.ts";

/** Fields of which several are chosen. */
const CHOSEN: ReadonlySet<string> = new Set(["hash", "kind"]);
/** Fields that only a walk over files has. */
const OF_FILES: ReadonlySet<string> = new Set([
  ...["root", "include", "exclude", "ignore_case", "max_depth", "min_size", "max_size", "hash", "fs"],
  ...["upload_matches", "upload_max_file", "upload_max", "one_file_system", "follow", "fresh"],
  ...[
    "newer",
    "older",
    "changed_newer",
    "changed_older",
    "born_newer",
    "born_older",
    "kind",
    "owner",
    "group",
  ],
  ...["setuid", "setgid", "world_writable", "mode"],
]);
const OF_UPLOADS: ReadonlySet<string> = new Set(["upload_max_file", "upload_max"]);

/** The page: `/hunts/new`. */
export function NewHunt() {
  const address = useAddress();
  const from = address.get("from");
  const copied = useGet<RequestView>(from ? `/requests${path(from)}` : undefined);
  if (from && !copied.data) {
    return (
      <Page title="New hunt">
        {copied.failure ? <ErrorBox of={copied.failure} retry={copied.reload} /> : <Loading />}
      </Page>
    );
  }
  const initial: Typed = copied.data ? typedOf(copied.data.command, CHOSEN) : {};
  const hadList = copied.data?.command.includes(" --ioc ") ?? false;
  const given = Object.fromEntries(
    ["target", "root", "artifact"].map((name) => [name, address.get(name)]).filter(([, value]) => value),
  );
  return (
    <HuntForm
      key={from}
      origin={[from, address.get("target"), address.get("root"), address.get("artifact")].join("\n").trim()}
      initial={{ ...initial, ...given }}
      from={from}
      hadList={hadList}
    />
  );
}

function formOf(typed: Typed, isOfFiles: boolean, lists: string[]): Form {
  const without = new Set<string>(isOfFiles ? [] : OF_FILES);
  if (typed.upload_matches !== true) for (const name of OF_UPLOADS) without.add(name);
  if (!textOf(typed, "profile")) without.add("profile_agents");
  const form: Form = { kind: "hunt", fields: fieldsOf(typed, without) };
  if (isOfFiles && lists.length > 0) form.lists = lists;
  return form;
}

function HuntForm({
  origin,
  initial,
  from,
  hadList,
}: {
  origin: string;
  initial: Typed;
  from: string;
  hadList: boolean;
}) {
  const { route } = useLocation();
  const filling = useForm("muster-form-hunt", origin, initial);
  const { typed, set, errors, lists } = filling;
  const entry: Entry = { typed, set, errors };
  const previewed = usePreview(textOf(typed, "target"), textOf(typed, "sample"));
  const form = formOf(
    typed,
    walksFiles(entry),
    lists.map((list) => list.list),
  );
  const line = commandOf(
    ["hunt", form.fields.profile ? "run" : "launch"],
    form.fields,
    lists.map((list) => list.name),
  );
  const isWrong = Boolean(previewed.preview?.error) && !previewed.isOld;

  if (filling.handover) {
    return (
      <Page title="New hunt">
        <Handover
          form={filling.handover}
          line={line}
          lists={lists.map((list) => list.name)}
          onBack={filling.back}
        />
      </Page>
    );
  }
  if (filling.draft) {
    return (
      <Page title="New hunt: review">
        <Review
          draft={filling.draft}
          act="Sign and launch"
          onBack={filling.back}
          onLaunched={(answer) => {
            filling.forget();
            route(`/hunts${path(answer.about)}`);
          }}
        />
      </Page>
    );
  }
  return (
    <Page
      title="New hunt"
      head={
        <>
          <h1>New hunt</h1>
          {from ? (
            <span class="quiet">
              from <Id of={from} href={`/hunts${path(from)}`} />
            </span>
          ) : null}
        </>
      }
    >
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isWrong) void filling.review(form);
        }}
      >
        <div class="formmain">
          <Section title="Whom">
            <ExpressionField entry={entry} previewed={previewed} />
            <TextField
              entry={entry}
              name="sample"
              label="A sample of them"
              hint="all"
              about="5%: the same agents whenever it is evaluated."
            />
          </Section>
          <Where entry={entry} />
          {walksFiles(entry) ? (
            <>
              {hadList && lists.length === 0 ? (
                <p class="warn">
                  The hunt that this one begins from had lists of hashes. They are not copied: add them again.
                </p>
              ) : null}
              <What entry={entry} lists={lists} onLists={filling.setLists} />
              <Which entry={entry} />
            </>
          ) : null}
          <Bounds entry={entry} />
          <When entry={entry} />
          <WhileItRuns entry={entry} />
        </div>
        <aside class="formside">
          <Beside previewed={previewed} line={line} />
          {maySign.value ? null : <WhyNot />}
          {filling.failure ? <ErrorBox of={filling.failure} /> : null}
          <div class="toolbar signbar">
            <button type="submit" class="primary" data-act="review" disabled={isWrong || filling.isDrafting}>
              {maySign.value ? (filling.isDrafting ? "Drafting…" : "Review") : "Make a draft"}
            </button>
            <button
              type="button"
              onClick={() => {
                filling.replace({});
                filling.setLists([]);
              }}
            >
              Clear
            </button>
          </div>
          <Presets of="hunt" typed={typed} onLoad={filling.replace} />
        </aside>
      </form>
    </Page>
  );
}
