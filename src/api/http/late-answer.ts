// An answer that is long in coming, and shows meanwhile that somebody is at it: by blanks, which before
// JSON mean nothing. What goes wrong once the first is sent cannot be said any more; the connection is
// dropped then, and whoever asks again is told.
import { OVER } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import type { LogFields } from '../../base/log.ts';
import type { Answer } from './exchange.ts';
import { CallerGone, type LiveRequest } from './live-request.ts';

export interface LateAnswerOptions {
  /** How often it is shown. */
  readonly aliveMs: number;
  readonly live: LiveRequest;
  readonly hangUp: () => void;
}

const HEADERS = {
  'cache-control': 'no-store, no-transform',
  // nginx would hold the blanks back until its buffer is full.
  'x-accel-buffering': 'no',
};

/** The answer as it is when it comes soon, and else one that begins now; what has no body is `null` then. */
export async function answerLate(
  clock: Clock,
  answering: Promise<Answer>,
  options: LateAnswerOptions,
): Promise<Answer> {
  const soon = new AbortController();
  const late = clock.sleep(options.aliveMs, soon.signal).catch(() => undefined); // it came
  const answer = await Promise.race([answering, late]).finally(() => soon.abort(OVER));
  return answer ?? begin(clock, answering, options);
}

function begin(
  clock: Clock,
  answering: Promise<Answer>,
  { aliveMs, live, hangUp }: LateAnswerOptions,
): Answer {
  const encoder = new TextEncoder();
  let isCanceled = false;
  let ended: Promise<LogFields> = Promise.resolve({});

  const run = async (controller: ReadableStreamDefaultController): Promise<LogFields> => {
    const say = (text: string): void => {
      if (!isCanceled) controller.enqueue(encoder.encode(text));
    };
    const answered = new AbortController();
    const showLife = async (): Promise<void> => {
      while (!answered.signal.aborted) {
        say(' ');
        await clock.sleep(aliveMs, answered.signal).catch(() => undefined); // it came
      }
    };
    const showing = showLife();
    try {
      const { body } = await answering;
      say(typeof body === 'string' ? body : 'null');
      if (!isCanceled) controller.close();
      return {};
    } catch (error) {
      hangUp();
      if (!isCanceled) controller.close();
      return { late: 'cut_off', error };
    } finally {
      answered.abort(OVER);
      await showing;
    }
  };

  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      ended = run(controller);
    },
    cancel: () => {
      isCanceled = true;
      live.abort(new CallerGone('the caller hung up'));
    },
  });
  return { status: 200, body, contentType: 'application/json', headers: HEADERS, ended };
}
