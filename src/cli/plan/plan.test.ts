import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/decide.json' with { type: 'json' };
import { planDocument, type PlanAnswer } from './plan-document.ts';
import { readDocuments, type SourceDocument } from './read-documents.ts';

const snapshot = vectors[1]?.input;
const plan = vectors[1]?.expected;
const line = JSON.stringify(snapshot);

/** The text as it comes from a file: in chunks that end anywhere. */
async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function read(text: string | Uint8Array, size = 7): Promise<readonly SourceDocument[]> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const documents: SourceDocument[] = [];
  for await (const document of readDocuments(inChunks(bytes, size))) documents.push(document);
  return documents;
}

async function answer(text: string | Uint8Array): Promise<readonly PlanAnswer[]> {
  return (await read(text)).map(planDocument);
}

const changed = (change: Record<string, unknown>): string =>
  JSON.stringify({ ...snapshot, ...change });

describe('the documents of a file', () => {
  it('are its lines, whatever the line ends', async () => {
    const text = `\uFEFF${line}\n\n  ${line}\r\n\t\n${line}`;
    expect(await answer(text)).toEqual([plan, plan, plan]);
    expect((await read(text)).map((document) => document.line)).toEqual([1, 3, 5]);
  });

  it('may be printed over many lines, one after the other', async () => {
    const pretty = JSON.stringify(snapshot, null, 2);
    expect(await answer(pretty)).toEqual([plan]);
    expect(await answer(`${pretty}\n${line}\n${pretty.replaceAll('\n', '\r\n')}\n`)).toEqual([
      plan,
      plan,
      plan,
    ]);
  });

  it('are not divided by brackets, quotes or separators inside strings', async () => {
    const odd = changed({ running: [{ ...snapshot?.running[0], id: '{[\u2028"\\' }] });
    const [document, ...others] = await answer(odd);
    expect(others).toEqual([]);
    expect(document).toMatchObject({ actions: [{ ids: ['{[\u2028"\\'] }] });
  });

  it('are the same however the bytes arrive', async () => {
    const text = `${line}\n{"id":"é€😀",\n"x":1}\nnonsense\n`;
    const expected = await read(text, 1_000_000);
    for (const size of [1, 2, 3, 5, 64]) expect(await read(text, size)).toEqual(expected);
  });

  it('are none in an empty file', async () => {
    expect(await read('')).toEqual([]);
    expect(await read('\n \n')).toEqual([]);
  });
});

describe('a bad line', () => {
  it.each([
    ['no JSON', 'nonsense'],
    ['cut inside a string', line.slice(0, 30)],
    ['cut between values', line.slice(0, line.indexOf('"running"'))],
    ['one bracket too many', `${line}}`],
    ['two on one line', `${line} ${line}`],
    ['a trailing comma', `${line},`],
  ])('gives an error in its place and costs nothing else: %s', async (_, bad) => {
    const answers = await answer([line, bad, line, bad, line].join('\n'));
    const error = {
      error: { code: 'MALFORMED_JSON', detail: expect.stringMatching(/^line \d: /) },
    };
    expect(answers).toEqual([plan, error, plan, error, plan]);
    expect(await answer(`${bad}\n${line}`)).toEqual([error, plan]);
    expect(await answer(`${line}\n${bad}`)).toEqual([plan, error]);
  });

  it('may be bytes that are no text', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${line}\n{\n`),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.from(line),
    ]);
    const answers = await answer(bytes);
    expect(answers.map((each) => ('error' in each ? each.error.detail : 'plan'))).toEqual([
      'plan',
      expect.stringContaining('line 2: '),
      'line 3: the bytes are not UTF-8',
      'plan',
    ]);
  });

  it.each<[string, string]>([
    ['null', 'line 1: is null: must be an object'],
    ['[]', 'line 1: is a list: must be an object'],
    ['7', 'line 1: is 7: must be an object'],
    ['{}', 'line 1: now is missing; config is missing'],
    [changed({ now: '2026-02-30T00:00:00Z' }), 'now is "2026-02-30T00:00:00Z": must be a time'],
    [changed({ now: 1767340800 }), 'now is 1767340800: must be text'],
    [
      changed({ config: { backoff_interval_seconds: -1 } }),
      'config.backoff_interval_seconds is -1',
    ],
    [changed({ waiting: 1.5 }), 'waiting is 1.5: must be a whole number'],
    [changed({ pending_inactive: -1 }), 'pending_inactive is -1: must be at least 0'],
    [changed({ pending_inactive: 1e300 }), 'pending_inactive is 1e+300'],
    [changed({ hard_limited: 'no' }), 'hard_limited is "no": must be true or false'],
    [
      changed({ preset: { ...snapshot?.preset, desired: null } }),
      'preset.desired is null: must be a number',
    ],
    [changed({ preset: { ...snapshot?.preset, max_instance: 3 } }), 'preset."max_instance" is not'],
    [
      changed({ preset: { ...snapshot?.preset, status: 'ill' } }),
      'preset.status is "ill": must be one of healthy',
    ],
    [changed({ running: [{ id: '', created_at: '', ready: 1 }] }), 'running.0.id is "": must have'],
    [changed({ backoff: { num_failed: 1 } }), 'backoff.last_build_at is missing'],
  ])('names the field, the value and what belongs there: %#', async (text, expected) => {
    const [only] = await answer(text);
    expect(only).toEqual({
      error: { code: 'SNAPSHOT_INVALID', detail: expect.stringContaining(expected) },
    });
  });
});

describe('a snapshot', () => {
  it('may leave out what has a default', async () => {
    const minimal = {
      now: '2026-01-02T08:00:00Z',
      config: { backoff_interval_seconds: 60 },
      preset: {
        desired: 2,
        ttl_seconds: null,
        using_active_version: true,
        deleted: false,
        deprecated: false,
        last_invalidated_at: null,
        timezone: '',
        schedules: [],
      },
      running: [],
      in_progress: { starting: 0, stopping: 0, deleting: 0 },
      pending_inactive: 0,
      backoff: null,
      hard_limited: false,
    };
    const full = {
      ...minimal,
      preset: { ...minimal.preset, max_instances: null, status: 'healthy', paused: false },
      unhealthy: [],
      in_progress: { ...minimal.in_progress, starting_pending: 0 },
      trial_at: null,
      waiting: 0,
      unproven: 0,
    };
    const [a, b] = await answer(`${JSON.stringify(minimal)}\n${JSON.stringify(full)}`);
    expect(a).toMatchObject({ actions: [{ type: 'create', count: 2 }], withheld: null });
    expect(a).toEqual(b);
  });

  it('at the edge of everything still gives a plan', async () => {
    const answers = await answer(
      changed({
        now: '9999-12-31T23:59:59.999Z',
        config: { backoff_interval_seconds: 31 * 24 * 3600 },
        preset: { ...snapshot?.preset, using_active_version: true, desired: 1_000_000 },
        running: [],
        backoff: { num_failed: 1_000_000, last_build_at: '9999-12-31T23:59:59.999Z' },
      }),
    );
    expect(answers).toEqual([expect.objectContaining({ actions: [] })]);
  });
});
