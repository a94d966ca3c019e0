// The requests being answered: each has a signal that ends its waiting when its caller hangs up or
// the server stops. The signal is made when somebody asks for it, which most handlers never do.

export interface LiveRequests {
  /** True from the moment that `stop` was called. */
  readonly stopping: boolean;
  /** `callerGone` gives the signal that is aborted when the caller hangs up. */
  open(callerGone: () => AbortSignal): LiveRequest;
  /** Aborts the signals of all requests with `reason`, and those of requests still to come. */
  stop(reason: Error): void;
}

export interface LiveRequest {
  readonly signal: AbortSignal;
  close(): void;
}

/** The reason of a request's signal when its caller has hung up. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

export function createLiveRequests(): LiveRequests {
  const waiting = new Set<AbortController>();
  let stopReason: Error | undefined;

  const open = (callerGone: () => AbortSignal): LiveRequest => {
    let controller: AbortController | undefined;

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
      close: () => {
        if (controller === undefined) return;
        waiting.delete(controller);
        callerGone().removeEventListener('abort', onGone);
      },
    };
  };

  return {
    get stopping() {
      return stopReason !== undefined;
    },
    open,
    stop: (reason) => {
      stopReason ??= reason;
      for (const controller of waiting) controller.abort(stopReason);
    },
  };
}
