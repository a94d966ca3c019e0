// People who want workspaces: they ask by name and key, ask again when nobody answered, and let go of
// what they have.
import { AppError, mayPass } from '../../../src/base/app-error.ts';
import { workspaceRoutes } from '../../../src/contract/workspace/route.ts';
import { bodyOfCreated } from '../created.ts';
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
  return { name: `mine-${++world.wishes}`, ...asked };
}

export async function wishFor(world: World, wishes: readonly Wish[]): Promise<void> {
  await Promise.all(wishes.map((wish) => send(world, wish)));
}

/** Those that had no answer, and now and then one that had. */
export async function askAgain(world: World): Promise<void> {
  const answered = world.random.chance(0.3) ? [...world.served.values()].slice(-1) : [];
  await wishFor(world, [...world.unanswered, ...answered]);
}

export async function letGo(world: World): Promise<void> {
  const [held] = world.served.values();
  if (held === undefined) return;
  try {
    const params = { workspace: held.workspaceId };
    await world.client.call(workspaceRoutes.deleteWorkspace, { params });
    world.served.delete(held.name);
  } catch (error) {
    // Being handed over still. What was perhaps done may be there or not from here on.
    if (error instanceof AppError && error.code === 'BUILD_IN_PROGRESS') return;
    if (!isUnanswered(error)) throw error;
    world.served.delete(held.name);
  }
}

/** Nobody knows what became of the request. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'SERVER_UNREACHABLE' || mayPass(error));
}

async function send(world: World, wish: Wish): Promise<void> {
  const { client, served } = world;
  const { name, template, onEmpty } = wish;
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
      },
    });
    settle();
    const workspaceId = bodyOfCreated(answer).workspace.id;
    const before = served.get(name)?.workspaceId ?? workspaceId;
    if (before !== workspaceId) world.findings.push(`${name} was served twice`);
    served.set(name, { ...wish, workspaceId });
  } catch (error) {
    if (isUnanswered(error)) return;
    settle();
    const isRefusal =
      error instanceof AppError && error.code === 'POOL_EMPTY' && onEmpty === 'fail';
    const isDeprecated = error instanceof AppError && error.code === 'TEMPLATE_DEPRECATED';
    if (!isRefusal && !isDeprecated) world.findings.push(`${name}: ${String(error)}`);
  }
}
