// Tags for people.

/** `gpu=yes, zone=eu`; empty for none. */
export function describeTags(tags: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return pairs.sort().join(', ');
}
