// Whether this process lives, and whether it can serve.
import type { Database } from '../store/database.ts';
import { ping } from '../store/ping.ts';
import type { Handlers } from './handler.ts';

export interface HealthDeps {
  readonly database: Database;
  readonly version: string;
}

export function createHealthHandlers({
  database,
  version,
}: HealthDeps): Handlers<'healthz' | 'readyz'> {
  const body = { status: 'ok', version } as const;
  return {
    healthz: () => Promise.resolve({ status: 200, body }),
    readyz: async () => {
      await ping(database);
      return { status: 200, body };
    },
  };
}
