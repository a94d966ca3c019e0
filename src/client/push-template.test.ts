import { expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from './client.ts';
import { pushTemplate } from './push-template.ts';

const PUSHED = { organization: 'o', template: 't', archive: new Uint8Array() };
const NOBODY = 'no daemon offers the driver null';
const away = (): never => {
  throw new AppError('SERVER_UNREACHABLE', 'it cannot be reached');
};
const job = (more: object) => () => ({ id: 'job', driver: 'null', error: null, ...more });
const waiting = job({ status: 'pending', waiting_reason: NOBODY });
const taken = job({ status: 'running', waiting_reason: null });
const succeeded = () => ({ name: 'v1', import_job: { id: 'job', status: 'succeeded' } });

/** Pushes to a server that answers each route so, in order, and at the end always the same. */
function push(answers: {
  readonly pushVersion?: () => unknown;
  readonly getJob: readonly (() => unknown)[];
  readonly getVersion?: readonly (() => unknown)[];
}) {
  const asked: string[] = [];
  const left: Record<string, (() => unknown)[]> = {
    pushVersion: [answers.pushVersion ?? succeeded],
    getJob: [...answers.getJob],
    followJobLog: [
      async function* () {
        yield await Promise.resolve({ id: '1', event: 'end', data: {} });
      },
    ],
    getVersion: [...(answers.getVersion ?? [succeeded])],
  };
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms) => void (nowMs += ms),
  };
  const client = {
    call: async ({ id }: { readonly id: string }) => {
      asked.push(id);
      const [next, ...others] = left[id] ?? [];
      if (others.length > 0) left[id] = others;
      return Promise.resolve({ body: next?.() });
    },
  } as unknown as Client;
  const { signal } = new AbortController();
  const pushing = pushTemplate({ client, clock, rng: { next: () => 0.5 } }, PUSHED, { signal });
  return { pushing, asked, nowMs: () => nowMs };
}

/** For much longer than a restart takes. */
const LONG_AWAY = Array<() => never>(20).fill(away);

it('is told of its import although the server was away meanwhile', async () => {
  const { pushing, asked } = push({
    getJob: [...LONG_AWAY, taken],
    getVersion: [...LONG_AWAY, succeeded],
  });
  expect(await pushing).toMatchObject({ name: 'v1' });
  expect(new Set(asked)).toEqual(new Set(['pushVersion', 'getJob', 'followJobLog', 'getVersion']));
});

it('gives daemons the same time after the server was away', async () => {
  const { pushing } = push({ getJob: [waiting, ...LONG_AWAY, waiting, waiting, taken] });
  expect(await pushing).toMatchObject({ name: 'v1' });
});

it('is told soon that nobody is there to import it', async () => {
  const { pushing, nowMs } = push({ getJob: [waiting] });
  await expect(pushing).rejects.toMatchObject({ code: 'NO_DAEMON' });
  expect(nowMs()).toBeLessThan(6_000);
});

it('is told after minutes that the server stays away, and pushes once', async () => {
  const first = push({ getJob: [away] });
  await expect(first.pushing).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  expect(first.nowMs()).toBe(5 * 60_000);

  const { pushing, asked } = push({ pushVersion: away, getJob: [] });
  await expect(pushing).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  expect(asked).toEqual(['pushVersion']);
});
