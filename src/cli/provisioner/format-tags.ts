// Tags for people.

/** `gpu=yes, zone=eu`; `-` for none. */
export function formatTags(tags: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? '-' : pairs.sort().join(', ');
}
