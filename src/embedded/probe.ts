// Asks a server that says it is ready whether Standby can really use it.
import pg from 'pg';
import { failed } from './failure.ts';

/** How to connect; `host` is the folder of the Unix socket. */
export interface ConnectionParts {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const CONNECT_TIMEOUT_MS = 10_000;

export async function probe(connection: ConnectionParts): Promise<void> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // what matters rejects below
  try {
    await client.connect();
    await client.query('select 1');
  } catch (error) {
    throw failed(
      `the server at ${connection.host} runs, but Standby cannot use it`,
      (error as Error).message,
    );
  } finally {
    await client.end().catch(() => undefined); // there may be nothing to end
  }
}
