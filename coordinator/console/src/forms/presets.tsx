//! Presets of one's own: forms under a name, kept in this browser.

import { useState } from "preact/hooks";
import { Text } from "../parts/text.tsx";
import type { Typed } from "./fields.ts";
import { readKept, writeKept } from "./kept.ts";

/** Presets that are kept. */
const PRESETS_MAX = 50;
/** Characters of a name. */
const NAME_MAX = 80;

interface Kept {
  presets: { name: string; typed: Typed }[];
}

/** Loads and keeps presets. */
export function Presets({ of, typed, onLoad }: { of: string; typed: Typed; onLoad: (typed: Typed) => void }) {
  const key = `muster-presets-${of}`;
  const [presets, setPresets] = useState(() => readKept<Kept>(key).presets ?? []);
  const [name, setName] = useState("");
  const keep = (next: Kept["presets"]) => {
    setPresets(next);
    writeKept(key, { presets: next });
  };
  return (
    <details class="presets">
      <summary>Presets{presets.length > 0 ? ` (${presets.length})` : ""}</summary>
      <ul>
        {presets.map((preset) => (
          <li key={preset.name}>
            <button type="button" class="bare" onClick={() => onLoad(preset.typed)}>
              <Text of={preset.name} most={60} />
            </button>
            <button
              type="button"
              class="bare"
              aria-label={`Remove the preset ${preset.name}`}
              onClick={() => keep(presets.filter((one) => one !== preset))}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
      <div class="toolbar">
        <input
          value={name}
          maxLength={NAME_MAX}
          aria-label="Name of a preset"
          placeholder="name"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button
          type="button"
          disabled={!name.trim() || presets.length >= PRESETS_MAX}
          onClick={() => {
            keep([...presets.filter((one) => one.name !== name.trim()), { name: name.trim(), typed }]);
            setName("");
          }}
        >
          Keep this form
        </button>
      </div>
      <p class="about">In this browser only; without lists of hashes.</p>
    </details>
  );
}
