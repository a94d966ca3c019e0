// The agent's session: opened by an exchange when there is none, and forgotten when it has ended.
import { Unauthorized, type ControlPlane } from './control-plane.ts';

export interface Session {
  /** Calls with the session. One that turns out to have ended is opened anew by the next call. */
  use<T>(call: (session: string) => Promise<T>): Promise<T>;
  /** The control plane has given another one. */
  replace(session: string): void;
}

export function createSession(
  controlPlane: Pick<ControlPlane, 'exchange'>,
  signal: AbortSignal,
): Session {
  let live: string | undefined;
  return {
    use: async (call) => {
      live ??= (await controlPlane.exchange(signal)).session;
      try {
        return await call(live);
      } catch (error) {
        if (error instanceof Unauthorized) live = undefined;
        throw error;
      }
    },
    replace: (session) => {
      live = session;
    },
  };
}
