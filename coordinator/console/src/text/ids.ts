//! What an id says by itself.

/** Returns when a request was signed: its id is a UUID of version 7, which begins with the time. */
export function timeOfId(id: string): string | undefined {
  const digits = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i.exec(id);
  return digits ? new Date(Number.parseInt(`${digits[1]}${digits[2]}`, 16)).toISOString() : undefined;
}
