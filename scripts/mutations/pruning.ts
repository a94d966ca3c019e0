// Faults in what is taken away because it is over.
import { by, change, type Mutation } from './mutation.ts';

const HISTORY = 'src/store/history.ts';
const PRUNING = 'test/db/history/prune.test.ts';

export const pruning: readonly Mutation[] = [
  {
    fault: 'a workspace goes while its idempotency key counts',
    changes: [
      change(
        HISTORY,
        '\n      and not exists (select from idempotency_keys k where k.workspace_id = w.id offset 0)',
      ),
    ],
    noticedBy: by(PRUNING, 'stays as long as its idempotency key counts, which gives it again'),
  },
  {
    fault: 'a workspace goes although an attempt may have made something that nobody knows',
    changes: [
      change('src/store/awaited-stray.ts', "or j.status <> 'succeeded')", 'and j.attempt < 0)'),
    ],
    noticedBy: by(PRUNING, 'stays for the time in which that may turn up'),
  },
  {
    fault: 'an event of a pool goes by the clock of who wrote it alone',
    changes: [
      change(
        HISTORY,
        'POOL_EVENT_CUTOFF}\n        and at <',
        'POOL_EVENT_CUTOFF}\n        or at <',
      ),
    ],
    noticedBy: by(PRUNING, 'are not taken for old by the clock of who wrote them'),
  },
  {
    fault: 'whoever prunes waits for who holds a workspace',
    changes: [change(HISTORY, 'for update of w skip locked', 'for update of w')],
    noticedBy: by(PRUNING, 'is passed over where somebody holds it'),
  },
];
