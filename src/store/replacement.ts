// What the builds of claims threw away of the workspaces that they took over.
import type { BuildId } from '../base/id.ts';
import { statement, takes } from './statement.ts';

export const storeReplacements = statement({
  name: 'build.store_replacements',
  takes: takes<{ readonly buildId: BuildId; readonly replaced: string }>(),
  gives: {},
  sql: `
    update builds
    set replaced = $replaced::jsonb
    where id = $buildId`,
});
