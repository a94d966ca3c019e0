// Tags in a table.
import { describeTags } from '../../domain/job/tags.ts';

/** `gpu=yes, zone=eu`; `-` for none. */
export function formatTags(tags: Readonly<Record<string, string>>): string {
  const described = describeTags(tags);
  return described === '' ? '-' : described;
}
