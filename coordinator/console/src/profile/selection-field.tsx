//! A text field of the forms that choose profiles.

/** One of them. */
export function SelectionField({
  title,
  hint,
  value,
  onType,
}: {
  title: string;
  hint: string;
  value: string;
  onType: (value: string) => void;
}) {
  return (
    <label class="field">
      <span>{title}</span>
      <input
        value={value}
        placeholder={hint}
        spellcheck={false}
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </label>
  );
}
