// Server-sent events as the body of one answer, whatever they are about. What a reader does not take
// is never piled up: the source is asked for its next event when there is room for it, and a reader
// that takes nothing for too long is cut off.
import { isAborted, OVER } from '../../base/abort.ts';
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { LogFields } from '../../base/log.ts';
import { CallerGone, type LiveRequest } from './live-request.ts';

export const EVENT_STREAM = 'text/event-stream';

export interface OutgoingEvent {
  readonly event: string;
  /** Where a reader that comes back resumes; one line. */
  readonly id: string;
  readonly data: unknown;
}

export interface EventStreamTimes {
  /** A silent stream says so often that it lives. */
  readonly keepAliveMs: number;
  /** How long a reader may take nothing while something waits for it. */
  readonly stallMs: number;
  /** How long the caller's right to read on is taken for granted while events flow. */
  readonly recheckMs: number;
}

export const EVENT_STREAM_TIMES: EventStreamTimes = {
  // Proxies give up on a silent connection after 30 to 60 s.
  keepAliveMs: 15_000,
  stallMs: 30_000,
  // One look a second for each busy stream; a silent one is looked at with every keep-alive.
  recheckMs: 1_000,
};

export interface EventStreamOptions extends EventStreamTimes {
  /** Its signal ends the source, and the stream in good order. */
  readonly live: LiveRequest;
  /** Throws when the caller may not read on. */
  recheck(): Promise<unknown>;
  /** Drops the connection: an end in good order would wait for the reader. */
  hangUp(): void;
}

export interface SentEvents {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when nothing follows any more, with what the log should say of it. Never rejects. */
  readonly ended: Promise<LogFields>;
}

/** What waits for a reader here, beside what the operating system holds for its socket. */
const BUFFER_BYTES = 64 * 1024;

class ReaderStalled extends Error {
  override readonly name = 'ReaderStalled';
}

export function sendEvents(
  clock: Clock,
  events: AsyncIterable<OutgoingEvent>,
  options: EventStreamOptions,
): SentEvents {
  const { live, keepAliveMs, stallMs, recheckMs } = options;
  const { signal } = live;
  const encoder = new TextEncoder();
  let onTaken = (): void => undefined;
  let isCanceled = false;
  let ended: Promise<LogFields> = Promise.resolve({});

  const run = async (controller: ReadableStreamDefaultController): Promise<LogFields> => {
    const done = new AbortController();
    let sent = 0;
    let saidMs = 0;
    let checkedMs = clock.monotonicMs();

    const isFull = (): boolean => (controller.desiredSize ?? 0) <= 0;
    const say = (text: string): void => {
      controller.enqueue(encoder.encode(text));
      saidMs = clock.monotonicMs();
    };
    const recheck = async (): Promise<void> => {
      await options.recheck();
      checkedMs = clock.monotonicMs();
    };
    /** Waits until the reader has made room. */
    const room = async (): Promise<void> => {
      while (isFull() && !signal.aborted) {
        const pause = new AbortController();
        onTaken = () => pause.abort(OVER);
        signal.addEventListener('abort', onTaken, { once: true });
        await clock.sleep(stallMs, pause.signal).catch(() => undefined); // taken, or over
        signal.removeEventListener('abort', onTaken);
        if (!pause.signal.aborted) throw new ReaderStalled('the reader does not read');
      }
    };
    const keepAlive = async (): Promise<void> => {
      const over = AbortSignal.any([signal, done.signal]);
      while (!over.aborted) {
        const leftMs = saidMs + keepAliveMs - clock.monotonicMs();
        if (leftMs > 0) {
          await clock.sleep(leftMs, over).catch(() => undefined); // over
          continue;
        }
        try {
          await recheck();
        } catch (error) {
          live.abort(error);
          return;
        }
        // A reader with a full buffer knows that the stream lives, or is about to be cut off.
        if (isFull() || isAborted(over)) saidMs = clock.monotonicMs();
        else say(': alive\n\n');
      }
    };

    // Sends the headers on their way, and tells browsers how long to wait before they come back.
    say('retry: 1000\n\n');
    const keeping = keepAlive();
    let failure: unknown;
    try {
      for await (const event of events) {
        if (clock.monotonicMs() - checkedMs >= recheckMs) await recheck();
        if (signal.aborted) break;
        say(encodeEvent(event));
        sent += 1;
        await room();
      }
    } catch (error) {
      failure = error;
    }
    failure ??= signal.reason;
    done.abort(OVER);
    await keeping;
    if (!isCanceled) controller.close();
    // A caller who went without a word leaves a connection that nobody else closes.
    if (isCanceled || failure instanceof ReaderStalled) options.hangUp();
    return { events: sent, ...describeEnd(failure) };
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        ended = run(controller);
      },
      pull: () => onTaken(),
      cancel: () => {
        isCanceled = true;
        live.abort(new CallerGone('the caller hung up'));
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  );
  return { body, ended };
}

function encodeEvent({ event, id, data }: OutgoingEvent): string {
  // JSON has no line breaks of its own.
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function describeEnd(failure: unknown): LogFields {
  if (failure === undefined) return { stream: 'complete' };
  if (failure instanceof CallerGone) return { stream: 'caller_gone' };
  if (failure instanceof ReaderStalled) return { stream: 'stalled' };
  if (failure instanceof AppError) return { stream: 'refused', code: failure.code };
  return { stream: 'stopped', error: failure };
}
