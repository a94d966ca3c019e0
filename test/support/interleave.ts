// Runs sessions of the product's own code in every order of their statements against a real PostgreSQL,
// as PostgreSQL's isolation tester does with SQL. Each session stops before every statement and before
// its commit until it is its turn; one that waits for a lock is left waiting while others go on.
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, type Database } from '../../src/store/database.ts';
import { registeredStatements, type Query, type QueryResult } from '../../src/store/statement.ts';
import type { TestStore } from './store.ts';

/**
 * What a session does: the product's code on a connection of its own. `stop` makes a step of what is
 * no statement.
 */
export type Play<World> = (
  database: Database,
  world: World,
  stop: (at: string) => Promise<void>,
) => Promise<unknown>;

export interface Interleaving<World> {
  /** Made anew for every order. */
  readonly setUp: () => Promise<World>;
  readonly sessions: Readonly<Record<string, Play<World>>>;
  /** Statements that meet nobody, so that to stop before them would only repeat orders. */
  readonly through?: readonly string[];
  /** Throws when this order must not end as it did. */
  readonly check: (world: World, ended: Ended) => Promise<void>;
}

export interface Ended {
  readonly steps: readonly Step[];
  /** What each session gave, or the error that it threw. */
  readonly given: Readonly<Record<string, unknown>>;
}

export interface Step {
  readonly session: string;
  /** The statement's name, or `commit`. */
  readonly at: string;
  readonly waited: boolean;
}

export interface Explored {
  readonly orders: number;
  /** Orders in which some session had to wait for another's lock. */
  readonly withWaiting: number;
  /** What every order ended as, each once, as `session gave` pairs. */
  readonly endings: readonly string[];
}

/** Orders of one play are too many to be tried when there are more than this: it wants a `through`. */
const MAX_ORDERS = 500;

export async function interleave<World>(
  store: TestStore,
  play: Interleaving<World>,
): Promise<Explored> {
  const through = new Set(play.through);
  checkNames(through);
  const sessions = await Promise.all(
    Object.entries(play.sessions).map(([name, run]) => openSession(store, { name, run, through })),
  );
  const endings = new Set<string>();
  let withWaiting = 0;
  let orders = 0;
  try {
    for (let choices: readonly number[] | undefined = []; choices !== undefined; orders++) {
      if (orders === MAX_ORDERS) throw new Error(`more than ${MAX_ORDERS} orders`);
      const world = await play.setUp();
      const { ended, widths, chosen } = await runOnce(store, { sessions, world, choices });
      await play.check(world, ended).catch((cause: unknown) => {
        throw new Error(`${String(cause)}\nin this order:\n${describeSteps(ended)}`, { cause });
      });
      endings.add(describeEnding(ended));
      if (ended.steps.some(({ waited }) => waited)) withWaiting += 1;
      choices = nextChoices(chosen, widths);
    }
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
  return { orders, withWaiting, endings: [...endings].sort() };
}

/** Whether one step was made before another; false when one of them was not made at all. */
export function isBefore({ steps }: Ended, first: Stop, second: Stop): boolean {
  const placeOf = ([session, at]: Stop): number =>
    steps.findIndex((step) => step.session === session && step.at === at);
  const [a, b] = [placeOf(first), placeOf(second)];
  return a >= 0 && b >= 0 && a < b;
}

type Stop = readonly [session: string, at: string];

interface Session<World> {
  readonly name: string;
  readonly pid: number;
  /** Where it stands; undefined while a statement runs or nothing is left to do. */
  readonly at: string | undefined;
  readonly isEnded: boolean;
  readonly given: unknown;
  /** Resolves where it stands at a step, or has ended. */
  moved(): Promise<void>;
  start(world: World): void;
  go(): void;
  close(): Promise<void>;
}

interface Opened<World> {
  readonly name: string;
  readonly run: Play<World>;
  readonly through: ReadonlySet<string>;
}

async function openSession<World>(
  { kit, connection }: TestStore,
  { name, run, through }: Opened<World>,
): Promise<Session<World>> {
  // One connection, which is the session's for as long as nothing breaks.
  const options = { connection, maxConnections: 1, applicationName: name };
  const database = createDatabase(kit, options);
  const { rows } = await database.query({
    name: 'pid',
    text: 'select pg_backend_pid()',
    values: [],
  });
  let stopped: { readonly at: string; readonly resume: () => void } | undefined;
  let isEnded = false;
  let given: unknown;
  let tellMoved: (() => void) | undefined;
  const stop = (at: string): Promise<void> =>
    through.has(at)
      ? Promise.resolve()
      : new Promise((resume) => {
          stopped = { at, resume };
          tellMoved?.();
        });
  return {
    name,
    pid: rows[0]?.[0] as number,
    get at() {
      return stopped?.at;
    },
    get isEnded() {
      return isEnded;
    },
    get given() {
      return given;
    },
    moved: () =>
      stopped !== undefined || isEnded
        ? Promise.resolve()
        : new Promise((resolve) => {
            tellMoved = resolve;
          }),
    start: (world) => {
      isEnded = false;
      const end = (result: unknown): void => {
        given = result;
        isEnded = true;
        tellMoved?.();
      };
      run(inSteps(database, stop), world, stop).then(end, end);
    },
    go: () => {
      const resume = stopped?.resume;
      stopped = undefined;
      resume?.();
    },
    close: () => database.close(),
  };
}

function inSteps(database: Database, stop: (at: string) => Promise<void>): Database {
  return {
    ...database,
    query: async (query) => {
      await stop(query.name);
      return database.query(query);
    },
    transaction: (work, options) =>
      database.transaction(async (tx) => {
        let deferred: Query[] = [];
        // PostgreSQL runs them one by one, whatever message brings them: others may come between.
        const step = async (asked: Query): Promise<QueryResult> => {
          await stop(asked.name);
          return tx.query(asked);
        };
        const catchUp = async (): Promise<void> => {
          const due = deferred;
          deferred = [];
          for (const asked of due) await step(asked);
        };
        const result = await work({
          ...tx,
          query: async (asked) => {
            await catchUp();
            return step(asked);
          },
          later: (asked) => void deferred.push(asked),
          savepoint: async (inner) => {
            await catchUp();
            return tx.savepoint(async () => {
              try {
                const given = await inner();
                await catchUp();
                return given;
              } catch (error) {
                deferred = [];
                throw error;
              }
            });
          },
        });
        await catchUp();
        await stop('commit');
        return result;
      }, options),
  };
}

interface Run<World> {
  readonly sessions: readonly Session<World>[];
  readonly world: World;
  /** Which of those that can go on goes, turn by turn; afterwards always the first. */
  readonly choices: readonly number[];
}

async function runOnce<World>(
  store: TestStore,
  { sessions, world, choices }: Run<World>,
): Promise<{
  readonly ended: Ended;
  readonly chosen: readonly number[];
  /** How many could go on, turn by turn. */
  readonly widths: readonly number[];
}> {
  const steps: Step[] = [];
  const chosen: number[] = [];
  const widths: number[] = [];
  for (const session of sessions) session.start(world);
  for (;;) {
    await settle(store, sessions);
    const ready = sessions.filter(({ at }) => at !== undefined);
    if (ready.length === 0) {
      if (sessions.every(({ isEnded }) => isEnded)) break;
      continue; // a deadlock, which PostgreSQL ends
    }
    const choice = choices[chosen.length] ?? 0;
    const session = ready[choice];
    const at = session?.at;
    if (session === undefined || at === undefined) throw new Error('a turn had another outcome');
    chosen.push(choice);
    widths.push(ready.length);
    session.go();
    await settle(store, sessions);
    const waited = session.at === undefined && !session.isEnded;
    steps.push({ session: session.name, at, waited });
  }
  const given = Object.fromEntries(sessions.map((session) => [session.name, session.given]));
  return { ended: { steps, given }, chosen, widths };
}

const SOON_MS = 5;

/** Until every session stands at a step, has ended, or waits for somebody's lock. */
async function settle<World>(store: TestStore, sessions: readonly Session<World>[]): Promise<void> {
  for (;;) {
    // Most steps end soon: whether one waits for a lock is asked, which costs more than the step, of the others alone.
    await Promise.race([Promise.all(sessions.map((session) => session.moved())), sleep(SOON_MS)]);
    const moving = sessions.filter(({ at, isEnded }) => at === undefined && !isEnded);
    if (moving.length === 0) return;
    const rows = await store.sql<{ pid: number }>(
      `select pid from unnest($1::integer[]) as pid where cardinality(pg_blocking_pids(pid)) > 0`,
      [moving.map(({ pid }) => pid)],
    );
    const waiting = new Set(rows.map(({ pid }) => pid));
    if (moving.every(({ pid }) => waiting.has(pid))) return;
  }
}

/** The next order in depth-first order; undefined when all were made. */
function nextChoices(
  chosen: readonly number[],
  widths: readonly number[],
): readonly number[] | undefined {
  const last = chosen.findLastIndex((choice, turn) => choice + 1 < (widths[turn] ?? 0));
  return last < 0 ? undefined : [...chosen.slice(0, last), (chosen[last] ?? 0) + 1];
}

/** A statement that was renamed would otherwise be stopped at without anybody knowing. */
function checkNames(names: ReadonlySet<string>): void {
  const known = new Set(registeredStatements().map(({ name }) => name));
  const unknown = [...names].filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`there is no statement ${unknown.join(', ')}`);
}

function describeSteps({ steps }: Ended): string {
  return steps
    .map(({ session, at, waited }) => `  ${session}: ${at}${waited ? ' (waits)' : ''}`)
    .join('\n');
}

function describeEnding({ given }: Ended): string {
  return Object.entries(given)
    .map(([session, value]) => `${session}: ${describeValue(value)}`)
    .join(', ');
}

function describeValue(value: unknown): string {
  if (value instanceof Error) return 'code' in value ? String(value.code) : value.message;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
