// People who want workspaces: they ask by name and key, ask again when nobody answered, and let go of
// what they have.
import { AppError, mayPass } from '../../../src/base/app-error.ts';
import { waiterRoutes } from '../../../src/contract/waiter/route.ts';
import { workspaceRoutes } from '../../../src/contract/workspace/route.ts';
import { ORGANIZATION, type Wish, type World } from './world.ts';

export function newWishes(world: World, count: number): readonly Wish[] {
  return Array.from({ length: count }, () =>
    newWish(world, {
      template: world.random.pick(world.templates),
      // By these two, claims take different ways: one at a time, or many by one statement.
      onEmpty: world.random.chance(0.4) ? 'create' : 'fail',
    }),
  );
}

export function newWish(world: World, asked: Omit<Wish, 'name'>): Wish {
  const name = `mine-${++world.wishes}`;
  if (asked.place !== undefined) world.priorities.set(name, asked.place.priority);
  return { name, ...asked };
}

export async function wishFor(world: World, wishes: readonly Wish[]): Promise<void> {
  await Promise.all(wishes.map((wish) => send(world, wish)));
}

/** Those that had no answer, now and then one that had, and who stands in line. */
export async function askAgain(world: World): Promise<void> {
  const answered = world.random.chance(0.3) ? [...world.served.values()].slice(-1) : [];
  const standing = [...world.inLine.values()];
  const asking = new Map(
    [...world.unanswered, ...answered, ...standing].map((wish) => [wish.name, wish]),
  );
  await wishFor(world, [...asking.values()]);
}

/** With little or much patience, and now and then before others. */
export function newWaits(world: World, count: number): readonly Wish[] {
  const { random, templates } = world;
  return Array.from({ length: count }, () =>
    newWish(world, {
      template: random.pick(templates),
      onEmpty: 'wait',
      place: {
        priority: random.pick([0, 0, 0, 5, -5]),
        timeoutSeconds: random.pick([20, 900, 7_200]),
      },
    }),
  );
}

export async function leaveLine(world: World): Promise<void> {
  const standing = [...world.inLine.values()];
  if (standing.length === 0) return;
  const { name, waiterId } = world.random.pick(standing);
  world.leaving.add(name);
  try {
    await world.client.call(waiterRoutes.cancelWaiter, { params: { waiter: waiterId } });
  } catch (error) {
    // Served or timed out meanwhile.
    const isOver = error instanceof AppError && error.code === 'WAIT_OVER';
    if (!isOver && !isUnanswered(error)) throw error;
  }
}

export async function letGo(world: World): Promise<void> {
  const [held] = world.served.values();
  if (held === undefined) return;
  const giveBack = (): void => {
    world.served.delete(held.name);
    world.givenBack.add(held.name);
  };
  try {
    const params = { workspace: held.workspaceId };
    await world.client.call(workspaceRoutes.deleteWorkspace, { params });
    giveBack();
  } catch (error) {
    // Being handed over still; or being deleted, by a first copy of the request.
    if (error instanceof AppError && error.code === 'BUILD_IN_PROGRESS') {
      if (await isBeingDeleted(world, held.workspaceId)) giveBack();
      return;
    }
    // Of a request that came twice, the second finds nothing; that nobody else deletes it is looked at.
    const isGone = error instanceof AppError && error.code === 'NOT_FOUND';
    if (!isGone && !isUnanswered(error)) throw error;
    // What was perhaps done may be there or not from here on.
    giveBack();
  }
}

async function isBeingDeleted({ store }: World, workspaceId: string): Promise<boolean> {
  const builds = await store.sql(
    `select from builds where workspace_id = $1 and transition = 'delete'`,
    [workspaceId],
  );
  return builds.length > 0;
}

/** Nobody knows what became of the request. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'SERVER_UNREACHABLE' || mayPass(error));
}

async function send(world: World, wish: Wish): Promise<void> {
  const { client, served } = world;
  const { name, template, onEmpty, place } = wish;
  world.unanswered = [...world.unanswered.filter((one) => one.name !== name), wish];
  const settle = (): void => {
    world.unanswered = world.unanswered.filter((one) => one.name !== name);
  };
  try {
    const answer = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: ORGANIZATION },
      headers: { 'idempotency-key': name },
      body: {
        ...{ name, template: template.name, preset: template.preset },
        on_empty: onEmpty,
        ...(place && { priority: place.priority, wait_timeout_seconds: place.timeoutSeconds }),
      },
    });
    settle();
    if (answer.status === 202) {
      enlist(world, wish, answer.body.waiter.id);
      return;
    }
    world.inLine.delete(name);
    const workspaceId = answer.body.workspace.id;
    const before = served.get(name)?.workspaceId ?? workspaceId;
    if (before !== workspaceId) world.findings.push(`${name} was served twice`);
    // Who asks again is told of what they had, whatever became of it.
    if (!world.givenBack.has(name)) served.set(name, { ...wish, workspaceId });
  } catch (error) {
    if (isUnanswered(error)) return;
    settle();
    world.inLine.delete(name);
    if (!isRefusal(world, wish, error)) world.findings.push(`${name}: ${String(error)}`);
  }
}

/** What may become of a request that was carried out. */
function isRefusal({ leaving }: World, { name, onEmpty }: Wish, error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  switch (error.code) {
    case 'TEMPLATE_DEPRECATED':
      return true;
    case 'POOL_EMPTY':
      return onEmpty === 'fail';
    case 'WAIT_TIMEOUT':
      return onEmpty === 'wait';
    case 'WAIT_CANCELED':
      return leaving.has(name);
    default:
      return false;
  }
}

function enlist(world: World, wish: Wish, waiterId: string): void {
  const { name } = wish;
  const before = world.inLine.get(name)?.waiterId ?? waiterId;
  if (before !== waiterId) world.findings.push(`${name} stands in line twice`);
  if (world.served.has(name)) world.findings.push(`${name} was served, and stands in line`);
  world.inLine.set(name, { ...wish, waiterId });
}
