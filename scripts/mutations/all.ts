// Every known fault. `npm run mutations` plants them one by one (../mutate.ts).
import { agents } from './agents.ts';
import { deciding } from './deciding.ts';
import { handingOver } from './handing-over.ts';
import { living } from './living.ts';
import type { Mutation } from './mutation.ts';
import { planning } from './planning.ts';
import { pruning } from './pruning.ts';
import { standingInLine } from './standing-in-line.ts';
import { working } from './working.ts';

export const mutations: readonly Mutation[] = [
  ...agents,
  ...deciding,
  ...handingOver,
  ...living,
  ...planning,
  ...pruning,
  ...standingInLine,
  ...working,
];
