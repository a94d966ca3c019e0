// The agent's session: opened by an exchange when there is none, and forgotten when it has ended.
import { Unauthorized, type ControlPlane } from './control-plane.ts';

export interface Session {
  /**
   * Calls with the session. One that turns out to have ended, as by a claim between two calls, is opened anew at
   * once: somebody may wait for this very call. One that was opened just now is left to the next call.
   */
  use<T>(call: (session: string) => Promise<T>): Promise<T>;
  /** The control plane has given another one. */
  replace(session: string): void;
}

export function createSession(
  controlPlane: Pick<ControlPlane, 'exchange'>,
  signal: AbortSignal,
): Session {
  let live: string | undefined;
  let opening: Promise<string> | undefined;

  // Of two exchanges the later one ends the other's session, so all who need one wait for the same.
  const open = (): Promise<string> => {
    opening ??= controlPlane
      .exchange(signal)
      .then(({ session }) => (live = session))
      .finally(() => (opening = undefined));
    return opening;
  };

  const attempt = async <T>(used: string, call: (session: string) => Promise<T>): Promise<T> => {
    try {
      return await call(used);
    } catch (error) {
      // Another call may have got the next one meanwhile.
      if (error instanceof Unauthorized && live === used) live = undefined;
      throw error;
    }
  };

  return {
    use: async (call) => {
      if (live !== undefined) {
        try {
          return await attempt(live, call);
        } catch (error) {
          if (!(error instanceof Unauthorized)) throw error;
        }
      }
      return attempt(live ?? (await open()), call);
    },
    replace: (session) => {
      live = session;
    },
  };
}
