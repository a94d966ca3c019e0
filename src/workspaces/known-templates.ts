// What the names in requests stood for when that was last read. It may be outdated: who takes by it has
// the taking itself check that it still holds.
import type { ReadTemplate, WorkspaceRequest } from './request.ts';

export interface KnownTemplates {
  recall(names: TemplateNames): ReadTemplate | undefined;
  remember(names: TemplateNames, template: ReadTemplate): void;
}

export type TemplateNames = Pick<WorkspaceRequest, 'organization' | 'template'>;

/** With manifests of 50 kB, tens of megabytes. What was not used for longest goes first. */
const MOST = 200;

/** One for each control plane. */
export function createKnownTemplates(): KnownTemplates {
  const known = new Map<string, ReadTemplate>();
  const remember: KnownTemplates['remember'] = (names, template) => {
    const key = keyOf(names);
    known.delete(key);
    known.set(key, template);
    const [oldest] = known.keys();
    if (known.size > MOST && oldest !== undefined) known.delete(oldest);
  };
  return {
    recall: (names) => {
      const template = known.get(keyOf(names));
      if (template !== undefined) remember(names, template);
      return template;
    },
    remember,
  };
}

function keyOf({ organization, template }: TemplateNames): string {
  return JSON.stringify([organization, template]);
}
