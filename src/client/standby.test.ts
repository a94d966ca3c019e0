import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import {
  AWAY,
  claimed,
  deleted,
  ID,
  inLine,
  json,
  lost,
  me,
  problem,
  scripted,
  waiter,
  workspace,
  type Answer,
} from '../../test/support/scripted-standby.ts';

const REQUEST = { template: 't', organization: 'o' };
const ASK = 'POST organizations/o/workspaces';
const DELETE = 'DELETE workspaces/ID';

describe('a claim', () => {
  it('is the same request again when its answer was lost', async () => {
    const { standby, sent } = scripted(lost, claimed);
    expect(await standby.claim(REQUEST)).toMatchObject({ claimed: true, workspace: { id: ID } });
    const [first, second] = sent.map(({ init }) => [init.headers, init.body]);
    expect(second).toEqual(first);
    expect(JSON.parse(sent[0]?.init.body as string)).toEqual({
      name: expect.stringMatching(/^claim-[0-9a-f]{16}$/),
      template: 't',
    });
  });

  it('is the same request again when the server found it late', async () => {
    const { standby, sent } = scripted(problem('REQUEST_TIMEOUT', 408), claimed);
    expect(await standby.claim(REQUEST)).toMatchObject({ claimed: true });
    expect(sent[1]?.init.headers).toEqual(sent[0]?.init.headers);
  });

  it.each(AWAY)('is the same request until it is answered while %s', async (_how, away) => {
    const { standby, sent } = scripted(...away, claimed);
    expect(await standby.claim(REQUEST)).toMatchObject({ workspace: { id: ID } });
    expect(new Set(sent.map(({ init }) => JSON.stringify([init.headers, init.body]))).size).toBe(1);
  });

  it.each(AWAY)('finds its organization while %s', async (_how, away) => {
    const { standby, what } = scripted(...away, me, claimed);
    expect(await standby.claim({ template: 't' })).toMatchObject({ workspace: { id: ID } });
    expect(what().at(-1)).toBe(ASK);
  });

  it('that is aborted before anybody answers gives back what it got all the same', async () => {
    const abort = new AbortController();
    const enough: Answer = () => {
      abort.abort(new Error('enough'));
      return lost();
    };
    const got = scripted(...Array<Answer>(9).fill(lost), enough, lost, claimed, deleted);
    await expect(got.standby.claim(REQUEST, { signal: abort.signal })).rejects.toThrow('enough');
    expect(got.what().slice(-2)).toEqual([ASK, DELETE]);
  });

  it('that is aborted while the server stays away ends within seconds, and names its key', async () => {
    const abort = new AbortController();
    const enough: Answer = () => {
      abort.abort(new Error('enough'));
      return lost();
    };
    const { standby, what } = scripted(enough, ...Array<Answer>(200).fill(lost));
    const claim = standby.claim({ ...REQUEST, idempotency_key: 'k' }, { signal: abort.signal });
    await expect(claim).rejects.toMatchObject({
      ...{ code: 'SERVER_UNREACHABLE', fields: { idempotency_key: 'k' } },
    });
    expect(what()).toEqual(Array(5).fill(ASK));
  });

  it('has the name that its key gives it, in every process', async () => {
    const bodyOf = async (key: string): Promise<unknown> => {
      const { standby, sent } = scripted(claimed);
      await standby.claim({ ...REQUEST, idempotency_key: key });
      return JSON.parse(sent[0]?.init.body as string);
    };
    expect(await bodyOf('build-1')).toEqual(await bodyOf('build-1'));
    expect(await bodyOf('build-1')).not.toEqual(await bodyOf('build-2'));
  });

  it('waits in line, then until it is usable, and tells both', async () => {
    const { standby } = scripted(
      inLine,
      json(waiter({ state: 'served', position: null, workspace_id: ID })),
      json(workspace({ usable: false })),
      json(workspace()),
    );
    const told: unknown[] = [];
    const claim = await standby.claim(REQUEST, {
      onWaiting: ({ position }) => told.push(position),
      onStarting: ({ status }) => told.push(status),
    });
    expect(claim).toMatchObject({ claimed: true, workspace: { usable: true } });
    expect(told).toEqual([1, 'running']);
  });

  it.each(AWAY)('keeps its place in line while %s', async (_how, away) => {
    const { standby, what } = scripted(
      inLine,
      ...away,
      json(waiter({ state: 'served', position: null, workspace_id: ID })),
      json(workspace()),
    );
    expect(await standby.claim(REQUEST)).toMatchObject({ workspace: { id: ID } });
    expect(what()).toHaveLength(23);
  });

  it.each(AWAY)('goes on with what it was served, however long %s then', async (_how, away) => {
    const starting = json(workspace({ usable: false }));
    const served = json(waiter({ state: 'served', position: null, workspace_id: ID }));
    const { standby } = scripted(
      ...[inLine, served, ...away, starting],
      ...[...away, starting, ...away, json(workspace())],
    );
    expect(await standby.claim(REQUEST)).toMatchObject({ workspace: { id: ID, usable: true } });
  });

  it('gives up when its time in line is over, and says what leads back to it', async () => {
    const soon = { deadline_at: '2026-01-01T00:00:30.000Z' };
    const { standby, what } = scripted(
      json({ waiter: waiter(soon), position: 1, eta_seconds: null, eta_reason: null }, 202),
      ...Array<Answer>(30).fill(lost),
    );
    await expect(standby.claim({ ...REQUEST, idempotency_key: 'job-1' })).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      detail: expect.stringContaining('the idempotency key job-1'),
      fields: { idempotency_key: 'job-1', waiter_id: ID },
    });
    expect(what().length).toBeGreaterThan(6);
    expect(what().length).toBeLessThan(30);
  });

  it('leaves the line when it is aborted while the server is away', async () => {
    const abort = new AbortController();
    const { standby, what } = scripted(
      inLine,
      ...Array<Answer>(9).fill(lost),
      () => {
        abort.abort(new Error('enough'));
        return lost();
      },
      json(waiter({ state: 'canceled' })),
    );
    await expect(standby.claim(REQUEST, { signal: abort.signal })).rejects.toThrow('enough');
    expect(what().at(-1)).toBe('DELETE waiters/ID');
  });

  it('whose answer was lost for good names the key that it made up, and what it had got', async () => {
    const { standby, sent } = scripted(...Array<Answer>(200).fill(lost));
    const headers = (): unknown =>
      (sent[0]?.init.headers as Record<string, string>)['idempotency-key'];
    const error: unknown = await standby.claim(REQUEST).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fields: { idempotency_key: headers() } });

    const starting = json(
      { workspace: workspace({ usable: false }), claimed: true, reason: null },
      201,
    );
    const other = scripted(starting, ...Array<Answer>(200).fill(lost));
    await expect(other.standby.claim(REQUEST)).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      fields: { workspace_id: ID },
    });
  });

  it('that fails leaves the workspace with its owner, and names it', async () => {
    const failed = workspace({ status: 'failed', usable: false });
    const { standby, what } = scripted(
      json({ workspace: failed, claimed: true, reason: null }, 201),
    );
    await expect(standby.claim(REQUEST)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      fields: { workspace_id: ID },
    });
    expect(what()).toEqual([ASK]);
  });

  it('that is aborted in line leaves it', async () => {
    const abort = new AbortController();
    const { standby, what } = scripted(inLine, json(waiter({ state: 'canceled' })));
    const claim = standby.claim(REQUEST, {
      signal: abort.signal,
      onWaiting: () => abort.abort(new Error('enough')),
    });
    await expect(claim).rejects.toThrow('enough');
    expect(what()).toEqual([ASK, 'GET waiters/ID?wait_ms=30000', 'DELETE waiters/ID']);
  });

  it.each(AWAY)(
    'that is aborted leaves the line, and what it got there, while %s',
    async (_how, away) => {
      const abort = new AbortController();
      const { standby, what } = scripted(
        ...[inLine, ...away, problem('WAIT_OVER', 409)],
        ...[...away, json(waiter({ state: 'served', workspace_id: ID }))],
        ...[...away, deleted],
      );
      const claim = standby.claim(REQUEST, {
        signal: abort.signal,
        onWaiting: () => abort.abort(new Error('enough')),
      });
      await expect(claim).rejects.toThrow('enough');
      expect(what().filter((one, n, all) => one !== all[n - 1])).toEqual([
        ...[ASK, 'GET waiters/ID?wait_ms=30000', 'DELETE waiters/ID', 'GET waiters/ID', DELETE],
      ]);
    },
  );

  it('that is aborted as it is served gives back what it was served with', async () => {
    const abort = new AbortController();
    const { standby, what } = scripted(
      () => {
        abort.abort(new Error('enough'));
        return inLine();
      },
      problem('WAIT_OVER', 409),
      json(waiter({ state: 'served', workspace_id: ID })),
      deleted,
    );
    await expect(standby.claim(REQUEST, { signal: abort.signal })).rejects.toThrow('enough');
    expect(what()).toEqual([ASK, 'DELETE waiters/ID', 'GET waiters/ID', DELETE]);
  });

  it('asks nothing when it is aborted before', async () => {
    const { standby, what } = scripted();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(standby.claim(REQUEST, { signal })).rejects.toThrow('enough');
    expect(what()).toEqual([]);
  });
});

describe('withWorkspace', () => {
  it('gives back what it claimed, and gives what the work gave', async () => {
    const { standby, what } = scripted(claimed, deleted);
    const result = await standby.withWorkspace(REQUEST, ({ workspace: { name } }) => name);
    expect(result).toBe('w');
    expect(what()).toEqual([ASK, DELETE]);
  });

  it.each(AWAY)('gives back what it claimed although %s when the work ends', async (_how, away) => {
    const { standby, what } = scripted(claimed, ...away, deleted);
    expect(await standby.withWorkspace(REQUEST, () => 'done')).toBe('done');
    expect(what().at(-1)).toBe(DELETE);
  });

  it('gives back when the work fails, and when the claim does', async () => {
    const work = scripted(claimed, deleted);
    const failing = work.standby.withWorkspace(REQUEST, () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(work.what()).toEqual([ASK, DELETE]);

    const failed = workspace({ status: 'failed', usable: false });
    const claim = scripted(json({ workspace: failed, claimed: true, reason: null }, 201), deleted);
    await expect(claim.standby.withWorkspace(REQUEST, () => 'done')).rejects.toMatchObject({
      code: 'BUILD_FAILED',
    });
    expect(claim.what()).toEqual([ASK, DELETE]);
  });

  it('says both when giving back fails as well', async () => {
    const { standby } = scripted(claimed, problem('FORBIDDEN', 403));
    const failing = standby.withWorkspace(REQUEST, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toMatchObject({
      message: 'no; and giving back failed',
      errors: [new Error('no'), expect.any(AppError)],
    });
  });
});

describe('giving back', () => {
  it('cancels the build that is in the way, once, and tries again until it has ended', async () => {
    const { standby, what } = scripted(
      problem('BUILD_IN_PROGRESS', 409),
      json(workspace()),
      problem('JOB_ENDED', 409),
      problem('BUILD_IN_PROGRESS', 409),
      json(workspace()),
      deleted,
    );
    await standby.giveBack(ID);
    const GET = 'GET workspaces/ID';
    expect(what()).toEqual([DELETE, GET, 'POST jobs/ID/cancel', DELETE, GET, DELETE]);
  });

  it.each(AWAY)('goes on until it is answered while %s', async (_how, away) => {
    const { standby, what } = scripted(
      ...[...away, problem('BUILD_IN_PROGRESS', 409)],
      ...[...away, json(workspace())],
      ...[...away, problem('JOB_ENDED', 409)],
      ...[...away, deleted],
    );
    await standby.giveBack(ID);
    expect(what().filter((one, n, all) => one !== all[n - 1])).toEqual([
      ...[DELETE, 'GET workspaces/ID', 'POST jobs/ID/cancel', DELETE],
    ]);
  });

  it('ends with its signal while nobody answers', async () => {
    const abort = new AbortController();
    const { standby, what } = scripted(...Array<Answer>(9).fill(lost), () => {
      abort.abort(new Error('enough'));
      return lost();
    });
    await expect(standby.giveBack(ID, { signal: abort.signal })).rejects.toThrow('enough');
    expect(what()).toHaveLength(10);
  });

  it('leaves a delete alone that somebody has begun', async () => {
    const build = {
      ...(workspace() as { latest_build: object }).latest_build,
      transition: 'delete',
    };
    const { standby, what } = scripted(
      problem('BUILD_IN_PROGRESS', 409),
      json(workspace({ latest_build: build })),
    );
    await standby.giveBack(ID);
    expect(what()).toEqual([DELETE, 'GET workspaces/ID']);
  });

  it('of what is gone is no fault', async () => {
    const { standby } = scripted(problem('NOT_FOUND', 404));
    await standby.giveBack(ID);
  });
});
