import { describe, expect, it } from 'vitest';
import type { JobId, PoolId } from '../base/id.ts';
import { silentLog } from '../base/log.ts';
import type { Notice } from './notice.ts';
import { createNoticeSubscribers, type Hint } from './notice-subscribers.ts';

const pool = (name: string): Notice => ({ kind: 'pool', poolId: name as PoolId });
const job = (name: string): Notice => ({ kind: 'job', jobId: name as JobId });
const prebuilds: Notice = { kind: 'prebuilds' };

describe('a notice', () => {
  it('is heard by who wants it or its kind, once each', () => {
    const { add, tell } = createNoticeSubscribers(silentLog);
    const heard: [string, Hint][] = [];
    const hearAs = (name: string) => (hint: Hint) => heard.push([name, hint]);
    add('pool', hearAs('all pools'));
    add(pool('a'), hearAs('a'));
    add(pool('b'), hearAs('b'));
    add(job('a'), hearAs('a job'));
    add('prebuilds', hearAs('settings'));
    add(prebuilds, hearAs('these settings'));
    tell(pool('a'));
    tell(prebuilds);
    expect(heard).toEqual([
      ['all pools', pool('a')],
      ['a', pool('a')],
      ['settings', prebuilds],
      ['these settings', prebuilds],
    ]);
  });

  it('that may be lost is told to everybody', () => {
    const { add, tell } = createNoticeSubscribers(silentLog);
    const heard: Hint[] = [];
    for (const wanted of ['pool', pool('a'), job('a')] as const)
      add(wanted, (hint) => heard.push(hint));
    tell({ kind: 'resync' });
    expect(heard).toEqual(Array.from({ length: 3 }, () => ({ kind: 'resync' })));
  });

  it('is heard until it is not wanted any more, also by who wants it again', () => {
    const { add, tell } = createNoticeSubscribers(silentLog);
    const heard: string[] = [];
    const end = add(pool('a'), () => heard.push('first'));
    const endOther = add(pool('a'), () => heard.push('other'));
    end();
    tell(pool('a'));
    endOther();
    const endAgain = add(pool('a'), () => heard.push('again'));
    // A second time, as those do who end what is over already.
    endOther();
    tell(pool('a'));
    endAgain();
    tell(pool('a'));
    expect(heard).toEqual(['other', 'again']);
  });

  it('goes on to the others when somebody subscribes, unsubscribes or throws as they hear it', () => {
    const { add, tell } = createNoticeSubscribers(silentLog);
    const heard: string[] = [];
    const end = add(pool('a'), () => {
      end();
      add(pool('a'), () => heard.push('new'));
      throw new Error('a bad subscriber');
    });
    add(pool('a'), () => heard.push('other'));
    tell(pool('a'));
    expect(heard).toEqual(['other']);
    tell(pool('a'));
    expect(heard).toEqual(['other', 'other', 'new']);
  });
});
