//! One form: what is typed and kept, the messages of the parser, the draft that it became.

import { useEffect, useState } from "preact/hooks";
import { type Failure, failureOf } from "../api/failure.ts";
import { maySign } from "../session/session.ts";
import { type Draft, draft, type Form, type HashList } from "./console.ts";
import type { Typed } from "./fields.ts";
import { useKept } from "./kept.ts";

/** A field that is wrong is brought this far from the top of the window. */
const POINTED_PX = 200;

/** What is kept of a form. */
interface Kept {
  typed: Typed;
  lists: HashList[];
  /** The address that the form began with. */
  origin: string;
}

/** A form that is filled in. */
export interface Filling {
  typed: Typed;
  lists: HashList[];
  set: (change: Typed) => void;
  /** Replaces everything that is typed. */
  replace: (typed: Typed) => void;
  setLists: (lists: HashList[]) => void;
  /** Messages by the name of the field. */
  errors: Record<string, string>;
  /** What is wrong with the whole. */
  failure: Failure | undefined;
  /** What is reviewed. */
  draft: Draft | undefined;
  /** What is handed over where nothing can be signed. */
  handover: Form | undefined;
  isDrafting: boolean;
  /** Drafts a form, and shows its review. */
  review: (form: Form) => Promise<void>;
  /** Goes back from the review to the form. */
  back: () => void;
  /** Forgets what was kept. */
  forget: () => void;
}

/**
 * Begins a form. What is kept of an earlier one is restored, unless the address asks for another beginning; `initial` is what a
 * new one begins with.
 */
export function useForm(key: string, origin: string, initial: Typed): Filling {
  const [kept, keep, forget] = useKept<Kept>(key, { typed: initial, lists: [], origin });
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<Failure>();
  const [made, setMade] = useState<Draft>();
  const [handover, setHandover] = useState<Form>();
  const [isDrafting, setDrafting] = useState(false);
  const isOther = origin !== "" && kept.origin !== origin;
  useEffect(() => {
    if (isOther) keep({ typed: initial, lists: [], origin });
  }, [isOther]);
  const typed = isOther ? initial : kept.typed;
  return {
    typed,
    lists: isOther ? [] : kept.lists,
    set: (change) => {
      keep({ typed: { ...typed, ...change } });
      setErrors((old) => Object.fromEntries(Object.entries(old).filter(([name]) => !(name in change))));
    },
    replace: (next) => {
      keep({ typed: next });
      setErrors({});
    },
    setLists: (lists) => {
      keep({ lists });
      setErrors(({ list: _, ...rest }) => rest);
    },
    errors,
    failure,
    draft: made,
    handover,
    isDrafting,
    review: async (form) => {
      setErrors({});
      setFailure(undefined);
      if (!maySign.value) {
        setHandover(form);
        return;
      }
      setDrafting(true);
      try {
        setMade(await draft(form));
      } catch (error) {
        const failed = failureOf(error);
        const field = failed.body?.field;
        if (typeof field === "string") {
          setErrors({ [field]: failed.why || failed.what });
          point(field);
        }
        setFailure(failed);
      }
      setDrafting(false);
    },
    back: () => {
      setMade(undefined);
      setHandover(undefined);
    },
    forget,
  };
}

/** Brings a field into view and into focus. */
function point(field: string): void {
  requestAnimationFrame(() => {
    for (const one of document.querySelectorAll<HTMLElement>("[data-field]")) {
      const name = one.dataset.field ?? "";
      if (name !== field && !name.startsWith(`${field}:`)) continue;
      one.closest("details")?.setAttribute("open", "");
      document.getElementById("main")?.scrollBy(0, one.getBoundingClientRect().top - POINTED_PX);
      (one.matches("input, textarea, select") ? one : one.querySelector("input"))?.focus({
        preventScroll: true,
      });
      return;
    }
  });
}
