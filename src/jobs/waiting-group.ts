// Slots of daemons that wait for the same kind of work at this control plane. Who joins is looked for at
// once; then one look serves all of them when a notice says so, and now and then anyway, because
// notices may be lost. So the cost of waiting does not grow with the number of daemons.
import { isAborted, OVER } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import { createTurns } from '../base/turns.ts';
import { takeTurns } from '../domain/job/take-turns.ts';
import { noteWaiting } from '../store/daemon.ts';
import type { Database } from '../store/database.ts';
import type { SharedOffer, TakenJob, WaitingSlot } from '../store/job-acquire.ts';
import { CREATIONS } from '../store/job-pick.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
import type { Hint } from '../store/notice-subscribers.ts';
import { daemonReplaced, keyRevoked, type DaemonRef } from './attempt.ts';
import { handOut, type HandOutOptions, type HandOutRequest } from './hand-out.ts';

export interface GroupDeps extends Pick<Kit, 'clock' | 'rng'> {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

export interface GroupOptions extends HandOutOptions {
  /** Between two looks without a notice: some more or less, so that replicas do not come in step. */
  readonly pollMs: number;
}

export interface WaitingGroup {
  /**
   * Waits for a job, at least until one look was made. Gives undefined when there was none in time or
   * by the time the signal aborts; a look that has begun then is waited for, since it may have taken
   * something. Throws DAEMON_REPLACED and UNAUTHENTICATED for a slot that waits in vain.
   */
  wait(slot: WaitingSlot, until: WaitLimits): Promise<TakenJob | undefined>;
}

export interface WaitLimits {
  readonly signal: AbortSignal;
  readonly waitMs: number;
}

interface Waiter extends WaitingSlot {
  /** What was news when the newest look for it began; a look for later news is due. */
  seenNews: number;
  isAsked: boolean;
  isLeaving: boolean;
  readonly signal: AbortSignal;
  /** By the monotonic clock. */
  readonly endsMs: number;
  /** Of the time until then; not before a look has served others, since most slots are served at once. */
  timer: AbortController | undefined;
  /** Begins to leave. */
  readonly end: () => void;
  resolve(job: TakenJob | undefined): void;
  reject(error: unknown): void;
}

/** Well within the minute after which a daemon counts as away. */
const NOTE_EVERY_MS = 15_000;

/**
 * One look at a time, so that who comes meanwhile is served together; it takes some milliseconds. One
 * that waits for somebody's lock must not hold up who joins; each more takes a connection.
 */
const TURNS = { lateMs: 20, most: 2 };

const NOTHING_SEEN = -1;

/** `onEmpty` is called when nobody waits any more; the group serves whoever joins all the same. */
export function createWaitingGroup(
  { clock, rng, database, bus }: GroupDeps,
  given: { readonly offer: SharedOffer; readonly onEmpty: () => void },
  options: GroupOptions,
): WaitingGroup {
  const { offer } = given;
  const waiters = new Set<Waiter>();
  /** Rises with everything after which a look may find something. */
  let news = 0;
  let isPumpDue = false;
  let notedMs = clock.monotonicMs();
  /** Somebody has told of work since the newest look began. */
  let isTold = false;
  /** The newest look to end found nothing. */
  let isIdle = false;
  /** What was given out last: creations come in series, as a pool is filled. */
  let series: 'creations' | 'others' = 'others';
  /** Somebody who waits in vain could not be told yet. */
  let isNoteDue = false;
  /** Aborted when nobody waits any more; undefined then. */
  let watch: AbortController | undefined;

  const leave = (waiter: Waiter, settle: () => void): void => {
    if (waiters.delete(waiter)) {
      waiter.signal.removeEventListener('abort', waiter.end);
      waiter.timer?.abort(OVER);
      settle();
    }
    if (waiters.size > 0 || watch === undefined) return;
    watch.abort(OVER);
    watch = undefined;
    given.onEmpty();
  };
  const refuse = (waiter: Waiter, isRevoked: boolean): void => {
    const daemon: DaemonRef = waiter;
    const error = isRevoked ? keyRevoked(daemon) : daemonReplaced(daemon);
    leave(waiter, () => waiter.reject(error));
  };
  /** Ends the wait of one that is leaving, unless a look for it is due or under way. */
  const letGo = (waiter: Waiter): void => {
    if (!waiter.isLeaving || waiter.isAsked || waiter.seenNews === NOTHING_SEEN) return;
    leave(waiter, () => waiter.resolve(undefined));
  };

  /** Has a slot that a look has left empty wait no longer than it wants to. */
  const limit = (waiter: Waiter): void => {
    if (!waiters.has(waiter) || waiter.timer !== undefined) return;
    const restMs = waiter.endsMs - clock.monotonicMs();
    if (restMs <= 0) {
      waiter.end();
      return;
    }
    waiter.timer = new AbortController();
    void clock.sleep(restMs, waiter.timer.signal).then(waiter.end, () => undefined);
  };

  const isDue = (waiter: Waiter): boolean =>
    !waiter.isAsked &&
    (waiter.isLeaving ? waiter.seenNews === NOTHING_SEEN : waiter.seenNews < news);

  /** Looks for those for whom that is due; a little later, so that who comes together is served together. */
  const pump = (): void => {
    if (isPumpDue) return;
    isPumpDue = true;
    queueMicrotask(() => {
      isPumpDue = false;
      const asked = [...waiters].filter(isDue);
      if (asked.length > 0 && turns.isFree()) void look(asked);
    });
  };

  const turns = createTurns(clock, { ...TURNS, onFree: pump });

  const look = async (asked: readonly Waiter[]): Promise<void> => {
    const end = turns.begin();
    for (const waiter of asked) {
      waiter.isAsked = true;
      waiter.seenNews = news;
    }
    try {
      if (await serve(takeTurns(asked, ({ daemonId }) => daemonId))) news += 1;
    } catch (error) {
      // All asked for the same and get the same answer; they come back after a pause of their own.
      for (const waiter of asked) leave(waiter, () => waiter.reject(error));
    }
    for (const waiter of asked) {
      waiter.isAsked = false;
      letGo(waiter);
      limit(waiter);
    }
    if (isNoteDue) await note().catch(() => undefined);
    end();
  };

  /** After a creation there are more of them, or nothing: which of both is cheap to ask. */
  const expect = (): HandOutRequest['expected'] => {
    if (isTold) return series;
    return isIdle || series === 'creations' ? 'unknown' : 'others';
  };

  /** True when it is worth looking again at once. */
  const serve = async (slots: readonly Waiter[]): Promise<boolean> => {
    const request = { offer, slots, expected: expect() };
    isTold = false;
    const { handed, refused, again } = await handOut(database, request, options);
    isIdle = handed.length === 0 && refused.length === 0;
    const isCreation = handed.some(({ job }) => job.class === CREATIONS);
    // What was expected in vain costs a transaction each time: others are told of the same, and may be first.
    if (handed.length > 0 || request.expected === 'creations') {
      series = isCreation ? 'creations' : 'others';
    }
    for (const { place, job } of handed) {
      const waiter = at(slots, place);
      leave(waiter, () => waiter.resolve(job));
    }
    for (const { place, keyRevoked: isRevoked } of refused) refuse(at(slots, place), isRevoked);
    return again;
  };

  /** Notes that those who wait are there; who waits in vain hears it. */
  const note = async (): Promise<void> => {
    notedMs = clock.monotonicMs();
    isNoteDue = false;
    const noted = [...waiters];
    const vain = await noteWaiting.all(database, {
      daemonIds: noted.map((waiter) => waiter.daemonId),
      keyIds: noted.map((waiter) => waiter.keyId),
      incarnations: noted.map((waiter) => waiter.incarnation),
    });
    for (const { daemonId, incarnation, keyRevoked: isRevoked } of vain) {
      for (const waiter of noted) {
        if (waiter.daemonId !== daemonId || waiter.incarnation !== incarnation) continue;
        // A look that is under way may have taken something for it.
        if (waiter.isAsked) isNoteDue = true;
        else refuse(waiter, isRevoked);
      }
    }
  };

  const goOn = (): void => {
    news += 1;
    isTold = true;
    pump();
  };
  const hearOfWork = (hint: Hint): void => {
    const concernsUs =
      hint.kind !== 'queue' ||
      (offer.drivers.includes(hint.driver) &&
        (offer.organizationId === null || offer.organizationId === hint.organizationId));
    if (concernsUs) goOn();
  };
  const hearOfKey = (hint: Hint): void => {
    if (hint.kind === 'provisioner_key' && ![...waiters].some((one) => one.keyId === hint.keyId))
      return;
    // A lost one is made up for by the next poll.
    void note().catch(() => undefined);
    goOn();
  };

  const poll = async (signal: AbortSignal): Promise<void> => {
    const unsubscribe = [
      bus.subscribe('queue', hearOfWork),
      bus.subscribe('provisioner_key', hearOfKey),
    ];
    while (!signal.aborted) {
      const pauseMs = options.pollMs * (0.8 + 0.3 * rng.next());
      await clock.sleep(pauseMs, signal).catch(() => undefined);
      if (isAborted(signal)) break;
      news += 1;
      pump();
      // The look tells whether the database can be used.
      if (clock.monotonicMs() - notedMs >= NOTE_EVERY_MS) await note().catch(() => undefined);
    }
    for (const end of unsubscribe) end();
  };

  return {
    wait: (slot, { signal, waitMs }) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          waiter.isLeaving = true;
          letGo(waiter);
        };
        const waiter: Waiter = {
          ...slot,
          seenNews: NOTHING_SEEN,
          isAsked: false,
          isLeaving: signal.aborted,
          signal,
          endsMs: clock.monotonicMs() + waitMs,
          timer: undefined,
          end,
          resolve,
          reject,
        };
        signal.addEventListener('abort', end, { once: true });
        waiters.add(waiter);
        if (watch === undefined) {
          watch = new AbortController();
          void poll(watch.signal);
        }
        pump();
      }),
  };
}

function at(slots: readonly Waiter[], place: number): Waiter {
  const waiter = slots[place - 1];
  if (waiter === undefined) throw new Error(`a job was handed to slot ${place}`);
  return waiter;
}
