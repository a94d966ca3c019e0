// Who hears of which notices in this process. There may be one for each workspace, of which a notice concerns one:
// they are found by what they want and not asked one after the other.
import type { Log } from '../base/log.ts';
import { noticeKey, type Notice } from './notice.ts';

/** What subscribers hear: a notice, or that some may have been lost and everything has to be looked at. */
export type Hint = Notice | { readonly kind: 'resync' };

/** All of a kind, or those that equal this one. */
export type Wanted = Notice['kind'] | Notice;

export type Hear = (hint: Hint) => void;

export interface NoticeSubscribers {
  /** Until the returned function is called. */
  readonly add: (wanted: Wanted, hear: Hear) => () => void;
  readonly tell: (hint: Hint) => void;
}

export function createNoticeSubscribers(log: Log): NoticeSubscribers {
  // By a kind's name, or a notice's key.
  const byWanted = new Map<string, Set<{ readonly hear: Hear }>>();

  const concernedBy = (hint: Hint): ReadonlySet<{ readonly hear: Hear }>[] => {
    if (hint.kind === 'resync') return [...byWanted.values()];
    // The same where a notice has nothing but its kind.
    const names = new Set([hint.kind, noticeKey(hint)]);
    return [...names].flatMap((name) => byWanted.get(name) ?? []);
  };

  return {
    add: (wanted, hear) => {
      const name = typeof wanted === 'string' ? wanted : noticeKey(wanted);
      const subscriber = { hear };
      const alike = byWanted.get(name) ?? new Set();
      byWanted.set(name, alike.add(subscriber));
      return () => {
        alike.delete(subscriber);
        if (alike.size === 0 && byWanted.get(name) === alike) byWanted.delete(name);
      };
    },
    tell: (hint) => {
      // Who hears it may subscribe again, or end it for others.
      for (const { hear } of concernedBy(hint).flatMap((alike) => [...alike])) {
        try {
          hear(hint);
        } catch (error) {
          log.error('notice.subscriber_failed', { notice: hint.kind, error });
        }
      }
    },
  };
}
