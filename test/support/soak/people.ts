// People who claim workspaces and give them back, each as fast as they are served, and write down all of it.
// They call either control plane, ask again whatever was not answered, and lose some of the answers.
import { AppError, mayPass } from '../../../src/base/app-error.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRng } from '../../../src/base/random.ts';
import type { Client } from '../../../src/client/client.ts';
import { giveBackWorkspace } from '../../../src/client/give-back.ts';
import { insist } from '../../../src/client/insist.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { waiterRoutes } from '../../../src/contract/waiter/route.ts';
import { workspaceRoutes } from '../../../src/contract/workspace/route.ts';
import type { WorkspaceView } from '../../../src/contract/workspace/schema.ts';
import type { Fleet } from '../fleet.ts';
import type { Seeded } from '../seeded.ts';
import { until } from '../until.ts';
import type { History, Request } from './history.ts';

export interface PeopleOptions {
  readonly history: History;
  readonly random: Seeded;
  readonly planes: number;
  /** One that is named twice is asked for twice as often. */
  readonly templates: readonly string[];
  /** Each is a user of their own. */
  readonly owners: number;
  /** How many requests each owner has under way at one time. */
  readonly each: number;
}

export interface People extends AsyncDisposable {
  /** Resolves once so many claims more were answered. */
  served(count: number): Promise<void>;
  /** Resolves once so many more were given, or as many calls went unanswered: somebody stands still. */
  noticed(count: number): Promise<void>;
  /** Resolves once each has the answer to what they asked last. */
  leave(): Promise<void>;
  /** After that: so many ask at once for what is ready, and nothing else. Resolves once each has an answer. */
  rush(template: string, count: number): Promise<void>;
}

/** Of all answers that arrive. */
const LOST = 0.01;
const WITHOUT_KEY = 0.3;
/** Of requests with a key: those that are made at both control planes at once. */
const AT_ONCE = 0.1;
/** What stands still does not answer: others are asked then. */
const PATIENCE_MS = 3_000;
/** Before a request is made again that was not answered: while nothing runs, it would fail all the time. */
const PAUSE_MS = 100;
/** What each holds at a time, before the first of it is given back. */
const HELD = 3;

interface Person extends Omit<PeopleOptions, 'owners' | 'each'> {
  readonly owner: string;
  /** By control plane. */
  readonly clients: readonly Client[];
  /** Nothing new is begun. */
  readonly over: AbortSignal;
  /** For each call: nobody waits any more once the test has failed. */
  readonly options: { readonly timeoutMs: number; readonly signal: AbortSignal };
}

interface Wish extends Request {
  readonly template: string;
  readonly onEmpty: 'create' | 'fail' | 'wait';
}

export async function startPeople(
  fleet: Fleet,
  { owners, each, ...options }: PeopleOptions,
): Promise<People> {
  const { history } = options;
  const over = new AbortController();
  const gone = new AbortController();
  const callOptions = { timeoutMs: PATIENCE_MS, signal: gone.signal };
  const persons: Person[] = [];
  const working: Promise<void>[] = [];
  for (let n = 0; n < owners; n++) {
    const owner = `owner-${n}`;
    const token = await join(fleet.client, owner);
    const send = losing(options.random);
    const clients = Array.from({ length: options.planes }, (_, plane) =>
      fleet.clientOf(plane, { token, fetch: send }),
    );
    const person = { ...options, owner, clients, over: over.signal, options: callOptions };
    persons.push(person);
    for (let line = 0; line < each; line++) working.push(live(person, `w-${n}-${line}`));
  }
  const all = Promise.all(working);
  let fault: Error | undefined;
  all.catch((error: unknown) => {
    fault = error instanceof Error ? error : new Error(String(error));
    over.abort();
  });
  const leave = async (): Promise<void> => {
    over.abort();
    await all;
  };
  /** Waits for each one in its own time: that nothing more happens is what must not be. */
  const reached = async (read: () => number, count: number): Promise<void> => {
    const goal = read() + count;
    for (let before = read(); before < goal;) {
      before = await until(() => {
        if (fault !== undefined || read() > before) return read();
        throw new Error(`nothing has happened to anybody: ${JSON.stringify(history.counts)}`);
      });
      if (fault !== undefined) throw fault;
    }
  };
  return {
    served: (count) => reached(() => history.claims, count),
    noticed: (count) => reached(() => history.counts.given + history.counts.lost, count),
    leave,
    rush: async (template, count) => {
      const asks = Array.from({ length: count }, (_, n) => {
        const person = persons[n % persons.length]!;
        const name = `rush-${n}`;
        return ask(person, {
          ...{ owner: person.owner, name, key: name },
          ...{ template, onEmpty: 'fail' as const },
        });
      });
      await Promise.all(asks);
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      gone.abort();
      await Promise.allSettled(working);
    },
  };
}

/** Makes the user; gives a token of theirs. */
async function join(client: Client, username: string): Promise<string> {
  const body = { username, organizations: ['default'] };
  await client.call(peopleRoutes.createUser, { body });
  const made = await client.call(peopleRoutes.createToken, { body: { name: 'soak', username } });
  return made.body.secret;
}

/** Loses some answers on their way, when what was asked is done. */
function losing(random: Seeded): (url: string, init: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (!random.chance(LOST)) return response;
    await response.arrayBuffer();
    throw new TypeError('the answer was lost');
  };
}

async function live(person: Person, prefix: string): Promise<void> {
  const { random, templates, owner, over } = person;
  const held: string[] = [];
  let wasRefused = false;
  for (let n = 0; !over.aborted; n++) {
    const name = `${prefix}-${n}`;
    const key = random.chance(WITHOUT_KEY) ? null : name;
    // Whoever was refused waits: asking all the time keeps nobody else from being served.
    const onEmpty = wasRefused ? 'wait' : random.pick(['create', 'fail', 'wait', 'wait'] as const);
    const given = await ask(person, {
      ...{ owner, name, key, onEmpty },
      template: random.pick(templates),
    });
    wasRefused = given === undefined;
    if (given !== undefined) held.push(given);
    if (held.length > HELD) await giveBack(person, held.shift()!);
  }
}

/** Gives the workspace's id; undefined where there is none, or nobody can tell. */
async function ask(person: Person, wish: Wish): Promise<string | undefined> {
  const { clients, random, options } = person;
  for (;;) {
    const first = random.pick(clients);
    const asked = wish.key !== null && random.chance(AT_ONCE) ? clients : [first];
    const answers = await Promise.all(asked.map((client) => call(person, client, wish)));
    const given = answers.find((answer) => typeof answer === 'object');
    if (given !== undefined) return given.workspace;
    // Without a key it would be another request.
    if (wish.key === null || answers.every((answer) => answer === 'refused')) return undefined;
    if (answers.includes('unknown')) await systemClock.sleep(PAUSE_MS, options.signal);
  }
}

type Answer = { readonly workspace: string } | 'in line' | 'refused' | 'unknown';

/** One call, written down before and after. */
async function call({ history, options }: Person, client: Client, wish: Wish): Promise<Answer> {
  const { owner, name, key, template, onEmpty } = wish;
  const call = history.nextCall();
  history.write({ kind: 'claim', call, owner, name, key });
  try {
    const { status, body } = await client.call(
      workspaceRoutes.createWorkspace,
      {
        params: { organization: 'default' },
        headers: key === null ? {} : { 'idempotency-key': key },
        body: { name, template, on_empty: onEmpty, wait_seconds: onEmpty === 'wait' ? 1 : 0 },
      },
      options,
    );
    if (status === 202 && key !== null) {
      history.write({ kind: 'done', call });
      return 'in line';
    }
    const workspace =
      status === 201 ? body.workspace : await beServed(client, body.waiter.id, options);
    const { id, epoch } = workspace;
    const claimed = status === 201 ? body.claimed : true;
    history.write({ kind: 'given', call, workspace: id, owner: workspace.owner, epoch, claimed });
    return { workspace: id };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (mayPass(error)) {
      history.write({ kind: 'lost', call, why: error.detail });
      return 'unknown';
    }
    history.write({ kind: 'refused', call, code: error.code });
    if (error.code === 'POOL_EMPTY') return 'refused';
    throw error;
  }
}

/** Without a key only the waiter tells what became of the request. */
async function beServed(
  client: Client,
  waiter: string,
  options: Person['options'],
): Promise<WorkspaceView> {
  const id = await untilAnswered(async () => {
    const asked = { params: { waiter }, query: { wait_ms: 1_000 } };
    const { body } = await client.call(waiterRoutes.getWaiter, asked, options);
    if (body.state === 'waiting') return undefined;
    if (body.workspace_id === null) throw new Error(`waiter ${waiter} is ${body.state}`);
    return body.workspace_id;
  });
  return untilAnswered(async () => {
    const asked = { params: { workspace: id }, query: {} };
    return (await client.call(workspaceRoutes.getWorkspace, asked, options)).body;
  });
}

async function giveBack(
  { history, clients, random, options }: Person,
  workspace: string,
): Promise<void> {
  const call = history.nextCall();
  history.write({ kind: 'delete', call, workspace });
  await untilAnswered(async () => {
    const deps = { client: random.pick(clients), clock: systemClock, rng: systemRng };
    await giveBackWorkspace(deps, workspace, options);
    return true;
  });
  history.write({ kind: 'done', call });
}

/** Asks again for as long as nobody answers, or the answer is none yet. */
async function untilAnswered<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    try {
      const answer = await insist({ clock: systemClock }, undefined, ask);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
  }
}
