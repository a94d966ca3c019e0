// What the names in requests stood for when somebody last claimed by them. It may be outdated: who takes
// by it has the taking itself check that it still holds.
import type { ReadTemplate, WorkspaceRequest } from './request.ts';

export interface KnownTemplates {
  recall(names: TemplateNames): ReadTemplate | undefined;
  remember(names: TemplateNames, template: ReadTemplate): void;
  forget(names: TemplateNames): void;
}

export type TemplateNames = Pick<WorkspaceRequest, 'organization' | 'template'>;

/** A manifest is at most some hundred kilobytes. */
const MOST = 200;

/** One for each control plane. */
export function createKnownTemplates(): KnownTemplates {
  const known = new Map<string, ReadTemplate>();
  return {
    recall: (names) => known.get(keyOf(names)),
    remember: (names, template) => {
      const key = keyOf(names);
      known.delete(key);
      known.set(key, template);
      const [oldest] = known.keys();
      if (known.size > MOST && oldest !== undefined) known.delete(oldest);
    },
    forget: (names) => known.delete(keyOf(names)),
  };
}

function keyOf({ organization, template }: TemplateNames): string {
  return JSON.stringify([organization, template]);
}
