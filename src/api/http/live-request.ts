// The requests being answered: each has a signal that ends its waiting when its caller hangs up or
// the server stops. The signal is made when somebody asks for it, which most handlers never do.

export interface LiveRequests {
  /** How many are being answered, and how many of them wait for something. */
  readonly open: number;
  readonly waiting: number;
  /** True from the moment that `stop` was called. */
  readonly stopping: boolean;
  /** `callerGone` gives the signal that is aborted when the caller hangs up. */
  begin(callerGone: () => AbortSignal): LiveRequest;
  /** Aborts the signals of all requests with `reason`, and those of requests still to come. */
  stop(reason: Error): void;
}

export interface LiveRequest {
  readonly signal: AbortSignal;
  /** Ends the request's waiting for a reason of its own. */
  abort(reason: unknown): void;
  end(): void;
}

/** The reason of a request's signal when its caller has hung up. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

export function createLiveRequests(): LiveRequests {
  const waiting = new Set<AbortController>();
  let open = 0;
  let stopReason: Error | undefined;

  const begin = (callerGone: () => AbortSignal): LiveRequest => {
    let controller: AbortController | undefined;
    open += 1;

    const onGone = (): void => controller?.abort(new CallerGone('the caller hung up'));
    const watch = (): AbortController => {
      const created = new AbortController();
      controller = created;
      if (stopReason !== undefined) created.abort(stopReason);
      waiting.add(created);
      const gone = callerGone();
      if (gone.aborted) onGone();
      else gone.addEventListener('abort', onGone, { once: true });
      return created;
    };

    return {
      get signal() {
        return (controller ?? watch()).signal;
      },
      abort: (reason) => (controller ?? watch()).abort(reason),
      end: () => {
        open -= 1;
        if (controller === undefined) return;
        waiting.delete(controller);
        callerGone().removeEventListener('abort', onGone);
      },
    };
  };

  return {
    get open() {
      return open;
    },
    get waiting() {
      return waiting.size;
    },
    get stopping() {
      return stopReason !== undefined;
    },
    begin,
    stop: (reason) => {
      stopReason ??= reason;
      for (const controller of waiting) controller.abort(stopReason);
    },
  };
}
