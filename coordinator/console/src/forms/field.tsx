//! Fields of forms: a label, what it means, and the parser's own message where it is wrong.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Text } from "../parts/text.tsx";
import { chosenOf, isOn, type Typed, textOf } from "./fields.ts";

/** What every field of a form shares. */
export interface Entry {
  typed: Typed;
  set: (change: Typed) => void;
  /** Messages by the name of the field. */
  errors: Record<string, string>;
}

interface Named {
  entry: Entry;
  name: string;
  label: string;
  /** What it means, in a few words. */
  about?: ComponentChildren;
  disabled?: boolean;
}

/** The frame of a field; its label names the control of `id`. */
function Frame({
  id,
  label,
  about,
  error,
  children,
}: {
  id: string;
  label: string;
  about?: ComponentChildren;
  error: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <div class={error ? "field wrong" : "field"}>
      <label for={id}>{label}</label>
      {children}
      {error ? (
        <p class="fielderror" id={`${id}-error`} role="alert">
          <Text of={error} most={600} />
        </p>
      ) : null}
      {about ? (
        <p class="about" id={`${id}-about`}>
          {about}
        </p>
      ) : null}
    </div>
  );
}

function described(id: string, error: string | undefined, about: unknown): string | undefined {
  const ids = [error ? `${id}-error` : "", about ? `${id}-about` : ""].filter(Boolean).join(" ");
  return ids || undefined;
}

/** A line of text. */
export function TextField({ entry, name, label, about, disabled, hint }: Named & { hint?: string }) {
  const id = useId();
  const error = entry.errors[name];
  return (
    <Frame id={id} label={label} about={about} error={error}>
      <input
        id={id}
        data-field={name}
        value={textOf(entry.typed, name)}
        placeholder={hint}
        disabled={disabled}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={error ? "true" : undefined}
        aria-describedby={described(id, error, about)}
        onInput={(event) => entry.set({ [name]: event.currentTarget.value })}
      />
    </Frame>
  );
}

/** Several values, one a line. */
export function LinesField({
  entry,
  name,
  label,
  about,
  hint,
  rows = 2,
}: Named & { hint?: string; rows?: number }) {
  const id = useId();
  const error = entry.errors[name];
  const text = textOf(entry.typed, name);
  return (
    <Frame id={id} label={label} about={about} error={error}>
      <textarea
        id={id}
        data-field={name}
        value={text}
        rows={Math.min(10, Math.max(rows, text.split("\n").length))}
        placeholder={hint}
        spellcheck={false}
        aria-invalid={error ? "true" : undefined}
        aria-describedby={described(id, error, about)}
        onInput={(event) => entry.set({ [name]: event.currentTarget.value })}
      />
    </Frame>
  );
}

/** One of a few values. */
export function SelectField({ entry, name, label, about, values }: Named & { values: [string, string][] }) {
  const id = useId();
  const error = entry.errors[name];
  return (
    <Frame id={id} label={label} about={about} error={error}>
      <select
        id={id}
        data-field={name}
        value={textOf(entry.typed, name)}
        aria-describedby={described(id, error, about)}
        onChange={(event) => entry.set({ [name]: event.currentTarget.value })}
      >
        {values.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
    </Frame>
  );
}

/** A switch. */
export function Switch({ entry, name, label, about, disabled }: Named) {
  const error = entry.errors[name];
  return (
    <div class={error ? "switch wrong" : "switch"}>
      <label>
        <input
          type="checkbox"
          data-field={name}
          checked={isOn(entry.typed, name)}
          disabled={disabled}
          onChange={(event) => entry.set({ [name]: event.currentTarget.checked })}
        />
        <span>
          {label}
          {about ? <span class="about"> {about}</span> : null}
        </span>
      </label>
      {error ? (
        <p class="fielderror" role="alert">
          <Text of={error} most={600} />
        </p>
      ) : null}
    </div>
  );
}

/** Values of which several may be chosen; each may say what it means. */
export function Checks({
  entry,
  name,
  label,
  about,
  values,
}: Named & { values: [string, string, string?][] }) {
  const error = entry.errors[name];
  const chosen = chosenOf(entry.typed, name);
  const toggle = (value: string, isChosen: boolean) =>
    entry.set({ [name]: isChosen ? [...chosen, value] : chosen.filter((one) => one !== value) });
  return (
    <fieldset class={error ? "checks wrong" : "checks"}>
      <legend>{label}</legend>
      <div class={values.some(([, , says]) => says) ? "options tall" : "options"}>
        {values.map(([value, title, says]) => (
          <label key={value}>
            <input
              type="checkbox"
              data-field={`${name}:${value}`}
              checked={chosen.includes(value)}
              onChange={(event) => toggle(value, event.currentTarget.checked)}
            />
            <span>
              {title}
              {says ? <span class="about"> {says}</span> : null}
            </span>
          </label>
        ))}
      </div>
      {error ? (
        <p class="fielderror" role="alert">
          <Text of={error} most={600} />
        </p>
      ) : null}
      {about ? <p class="about">{about}</p> : null}
    </fieldset>
  );
}

/** A part of a form. */
export function Section({
  title,
  about,
  children,
}: {
  title: string;
  about?: string;
  children: ComponentChildren;
}) {
  return (
    <section class="formsection">
      <header>
        <h2>{title}</h2>
        {about ? <p class="about">{about}</p> : null}
      </header>
      <div class="formfields">{children}</div>
    </section>
  );
}
