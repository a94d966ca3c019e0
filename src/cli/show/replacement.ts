// Resources that a claim throws away, and what the author of the template can do about it.
import type { Replacement } from '../../contract/provisioner/protocol.ts';
import type { Colors } from './colors.ts';
import { renderTable } from './table.ts';

const DONE = {
  replace: 'destroyed and made anew',
  delete: 'destroyed',
  create: 'made',
  update: 'changed',
} as const satisfies Readonly<Record<Replacement['action'], string>>;

/** Empty where there are none. */
export function renderReplacements(
  colors: Colors,
  { head, replaced }: { readonly head: string; readonly replaced: readonly Replacement[] },
): string {
  if (replaced.length === 0) return '';
  const table = renderTable(colors, {
    heads: [head, 'what a claim does', 'because of'],
    rows: replaced.map(({ address, action, paths }) => [
      address,
      DONE[action],
      paths.join(', ') || '-',
    ]),
    empty: '',
  });
  return `${table}\n${remedyFor(replaced)}\n`;
}

function remedyFor(replaced: readonly Replacement[]): string {
  const named = replaced.find(({ paths }) => paths.length > 0)?.paths[0];
  const argument = named?.match(/^[\w-]+/)?.[0];
  const ignore = argument === undefined ? 'the arguments' : `"${argument}"`;
  return (
    `What was built ahead of time is lost to that. Keep the owner out of these resources (let an agent's on_claim do it), ` +
    `use arguments that change in place, or keep ${ignore} with lifecycle { ignore_changes = [${argument ?? '…'}] }; see docs/replacement.md.`
  );
}
