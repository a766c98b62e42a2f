//! Icons of `icons.svg`.

/** Draws an icon; it says nothing to a screen reader unless it has a title. */
export function Icon({ name, title, size = 16 }: { name: string; title?: string; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      role={title ? "img" : undefined}
      aria-hidden={!title}
      aria-label={title}
    >
      <use href={`/assets/icons.svg#${name}`} />
    </svg>
  );
}
