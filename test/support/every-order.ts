// Two pieces of work against one database in every order of their statements and commits, as in
// PostgreSQL's own isolation tests: one statement at a time, and who waits for a lock is left waiting.
import type { Database, Transaction } from '../../src/store/database.ts';
import { createDeferred } from './deferred.ts';
import type { TestStore } from './store.ts';

/** What is tried in one order: fresh rows, the work of each session, and what must hold afterwards. */
export interface Round {
  readonly works: readonly [() => Promise<unknown>, () => Promise<unknown>];
  /** `results` are what the works gave, or the errors that they threw. */
  check(results: readonly [unknown, unknown], order: string): Promise<void>;
}

/** Which statements are steps of their own; the others go with the one before. Commits always are. */
export type IsStep = (statement: string) => boolean;

/** Gives the orders that were tried, as the statements' names. The same rows must be the same steps. */
export async function inEveryOrder(
  store: TestStore,
  isStep: IsStep,
  begin: (first: Database, second: Database) => Promise<Round>,
): Promise<readonly string[]> {
  const databases = [store.open(1), store.open(1)] as const;
  const orders: string[] = [];
  let path: readonly number[] = [];
  for (;;) {
    const sessions = [
      createSession(databases[0], isStep),
      createSession(databases[1], isStep),
    ] as const;
    const round = await begin(sessions[0].database, sessions[1].database);
    const played = await play(store, sessions, { works: round.works, path });
    orders.push(played.order);
    await round.check(played.results, played.order);
    // The next path differs in the last place where the other session could have gone on.
    const turn = played.choices.findLastIndex(({ index, count }) => index + 1 < count);
    if (turn === -1) return orders;
    const chosen = played.choices.slice(0, turn + 1).map(({ index }) => index);
    path = chosen.map((index, place) => (place === turn ? index + 1 : index));
  }
}

/** Which of the sessions that could go on went on. */
interface Choice {
  readonly index: number;
  readonly count: number;
}

interface Played {
  readonly order: string;
  readonly results: readonly [unknown, unknown];
  readonly choices: readonly Choice[];
}

async function play(
  store: TestStore,
  sessions: readonly [Session, Session],
  { works, path }: Pick<Round, 'works'> & { readonly path: readonly number[] },
): Promise<Played> {
  const choices: Choice[] = [];
  const order: string[] = [];
  const results = Promise.all([sessions[0].run(works[0]), sessions[1].run(works[1])]);
  for (;;) {
    await allStand(store, sessions);
    const ready = sessions.filter((session) => session.isAtStep());
    if (ready.length === 0) break;
    const index = path[choices.length] ?? 0;
    const session = ready[index];
    if (session === undefined) throw new Error(`${order.join(', ')}: it went otherwise before`);
    choices.push({ index, count: ready.length });
    order.push(`${sessions.indexOf(session) + 1} ${session.goOn()}`);
  }
  return { order: order.join(', '), results: await results, choices };
}

/** Until each session is before its next step, has ended, or waits for a lock. */
async function allStand(store: TestStore, sessions: readonly Session[]): Promise<void> {
  for (;;) {
    const moving = sessions.filter((session) => session.isMoving());
    if (moving.length === 0) return;
    const waiting = await Promise.race([
      Promise.all(moving.map((session) => session.stands())).then(() => 0),
      countWaiting(store),
    ]);
    if (waiting === moving.length) return;
  }
}

async function countWaiting(store: TestStore): Promise<number> {
  const [row] = await store.sql<{ waiting: number }>(WAITING);
  return row?.waiting ?? 0;
}

// A lock is given to who waits for it by who lets go, before that one's answer.
const WAITING = `
  select count(distinct l.pid)::integer as waiting
  from pg_locks l
  join pg_stat_activity a on a.pid = l.pid
  where not l.granted and a.datname = current_database()`;

interface Session {
  readonly database: Database;
  /** Never rejects: gives what it threw. */
  run(work: () => Promise<unknown>): Promise<unknown>;
  isAtStep(): boolean;
  /** It runs a statement, or something between two. */
  isMoving(): boolean;
  /** When it does so no longer. */
  stands(): Promise<void>;
  /** Lets it do its next step; gives the name. */
  goOn(): string;
}

function createSession(database: Database, isStep: IsStep): Session {
  let state: 'moving' | 'ended' | { readonly name: string; goOn(): void } = 'moving';
  let standing = createDeferred<undefined>();
  const stand = (now: typeof state): void => {
    state = now;
    standing.resolve(undefined);
  };
  const reach = (name: string): Promise<void> =>
    new Promise((resolve) => stand({ name, goOn: resolve }));
  const pass = async (statement: string): Promise<void> => {
    if (isStep(statement)) await reach(statement);
  };
  const stepping = (tx: Transaction): Transaction => ({
    ...tx,
    query: async (query) => {
      await pass(query.name);
      return tx.query(query);
    },
  });
  return {
    database: {
      ...database,
      query: async (query) => {
        await pass(query.name);
        return database.query(query);
      },
      transaction: (work, options) =>
        database.transaction(async (tx) => {
          const result = await work(stepping(tx));
          await reach('commit');
          return result;
        }, options),
    },
    run: async (work) => {
      const result = await work().catch((error: unknown) => error);
      stand('ended');
      return result;
    },
    isAtStep: () => typeof state === 'object',
    isMoving: () => state === 'moving',
    stands: () => standing.promise,
    goOn: () => {
      if (typeof state !== 'object') throw new Error('the session is not before a step');
      const step = state;
      state = 'moving';
      standing = createDeferred();
      step.goOn();
      return step.name;
    },
  };
}
