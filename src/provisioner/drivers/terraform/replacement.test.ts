import { describe, expect, it } from 'vitest';
import { DESTROYS, findReplacements } from './replacement.ts';

const change = (
  address: string,
  actions: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): unknown => ({ address, change: { actions, ...more } });

function find(...changes: readonly unknown[]): unknown {
  return findReplacements(JSON.stringify({ resource_changes: changes }), OPTIONS);
}

const redact = (text: string): string => text.replaceAll('sesame', '(secret)');
const OPTIONS = { actions: DESTROYS, redact };

describe('what a plan replaces', () => {
  it('is whatever it destroys, in either order, with the arguments that force it', () => {
    expect(
      find(
        change('a.disk', ['delete', 'create'], { replace_paths: [['size'], ['tags', 0, 'name']] }),
        change('a.vm', ['create', 'delete'], { replace_paths: [[]] }),
        change('a.placeholder', ['delete']),
        change('a.kept', ['update']),
        change('a.new', ['create']),
      ),
    ).toEqual([
      { address: 'a.disk', action: 'replace', paths: ['size', 'tags[0].name'] },
      { address: 'a.vm', action: 'replace', paths: [] },
      { address: 'a.placeholder', action: 'delete', paths: [] },
    ]);
  });

  it('is told without the values of a set, which may be secret', () => {
    const paths = [['rule', { password: 'hunter2' }, 'port']];
    expect(find(change('a.wall', ['delete', 'create'], { replace_paths: paths }))).toEqual([
      { address: 'a.wall', action: 'replace', paths: ['rule[*].port'] },
    ]);
  });

  it('is told without what is secret', () => {
    const paths = [['labels', 'sesame']];
    expect(find(change('a.vm["sesame"]', ['delete', 'create'], { replace_paths: paths }))).toEqual([
      { address: 'a.vm["(secret)"]', action: 'replace', paths: ['labels.(secret)'] },
    ]);
  });

  it('is not what an earlier replacement has left', () => {
    expect(find({ deposed: 'deadbeef', ...(change('a.old', ['delete']) as object) })).toEqual([]);
  });

  it('is any difference where that is asked for', () => {
    const plan = JSON.stringify({
      resource_changes: [
        change('a.kept', ['no-op']),
        change('data.a.read', ['read']),
        change('a.label', ['update']),
        change('a.new', ['create']),
      ],
    });
    const actions = ['replace', 'delete', 'create', 'update'] as const;
    expect(findReplacements(plan, { actions, redact })).toEqual([
      { address: 'a.label', action: 'update', paths: [] },
      { address: 'a.new', action: 'create', paths: [] },
    ]);
  });

  it('is cut to what a result may say', () => {
    const changes = Array.from({ length: 300 }, (_none, index) =>
      change(`a.x[${index}]`, ['delete', 'create']),
    );
    expect(find(...changes)).toHaveLength(200);
    expect(find(change(`a.x["${'y'.repeat(2_000)}"]`, ['delete']))).toMatchObject([
      { address: expect.stringMatching(/^.{1024}$/) },
    ]);
  });

  it('is cut so that no result becomes too long to be reported', () => {
    const paths = Array.from({ length: 50 }, (_none, index) => ['y'.repeat(2_000), index]);
    const changes = Array.from({ length: 200 }, (_none, index) =>
      change(`a.x[${index}]`, ['delete', 'create'], { replace_paths: paths }),
    );
    const told = JSON.stringify(find(...changes));
    expect(told.length).toBeLessThan(66_000);
    expect(told).toContain('a.x[199]');
  });
});
