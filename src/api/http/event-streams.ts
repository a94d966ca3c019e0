// The event streams of one server: how many one caller may hold open, and what they have in common.
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import {
  EVENT_STREAM,
  EVENT_STREAM_TIMES,
  sendEvents,
  type EventStreamTimes,
  type OutgoingEvent,
} from './event-stream.ts';
import type { Answer } from './exchange.ts';
import type { LiveRequest } from './live-request.ts';

export interface EventStreamsOptions extends Partial<EventStreamTimes> {
  /** Open at once for one caller. */
  readonly maxPerCaller: number;
}

export interface EventStreamRequest {
  /** Equal for the same caller. */
  readonly caller: string;
  readonly live: LiveRequest;
  /** Throws when the caller may not read on. */
  recheck(): Promise<unknown>;
  hangUp(): void;
}

export interface EventStreams {
  /** The events as an answer. Throws TOO_MANY_STREAMS. */
  open(status: number, events: AsyncIterable<OutgoingEvent>, request: EventStreamRequest): Answer;
}

const HEADERS = {
  'cache-control': 'no-cache, no-transform',
  // nginx would hold events back until its buffer is full.
  'x-accel-buffering': 'no',
};

export function createEventStreams(
  clock: Clock,
  { maxPerCaller, ...times }: EventStreamsOptions,
): EventStreams {
  const openBy = new Map<string, number>();

  const take = (caller: string): (() => void) => {
    const open = openBy.get(caller) ?? 0;
    if (open >= maxPerCaller) {
      throw new AppError(
        'TOO_MANY_STREAMS',
        `you have ${open} event streams open, as many as you may`,
      );
    }
    openBy.set(caller, open + 1);
    return () => {
      const left = (openBy.get(caller) ?? 1) - 1;
      if (left === 0) openBy.delete(caller);
      else openBy.set(caller, left);
    };
  };

  return {
    open: (status, events, { caller, ...request }) => {
      const release = take(caller);
      const { body, ended } = sendEvents(clock, events, {
        ...EVENT_STREAM_TIMES,
        ...times,
        ...request,
      });
      return {
        status,
        body,
        contentType: EVENT_STREAM,
        headers: HEADERS,
        ended: ended.finally(release),
      };
    },
  };
}
