// What one claim costs, counted rather than timed: statements and write-ahead log. One claim after the
// other through the API, while nothing else uses the database.
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import { createDatabase, type ConnectionParts } from '../../src/store/database.ts';
import { createCountedClaims } from '../../test/support/counted-claims.ts';
import type { Stage } from '../support/bench.ts';
import { openKeyringOf } from '../support/keyring.ts';
import { connect } from '../support/postgres.ts';
import type { Ground } from './ground.ts';

const CLAIMS = 100;

interface Wal {
  readonly bytes: number;
  readonly images: number;
}

/** The template's pool must be full; the servers of the ground are stopped. */
export async function tellCost(stage: Stage, ground: Ground, template: string): Promise<void> {
  await ground.stop();
  const bare = await claimOnFresh(stage, ground, { template, fullPageWrites: 'off' });
  const whole = await claimOnFresh(stage, ground, { template, fullPageWrites: 'on' });
  const per = (sum: number): string => (sum / CLAIMS).toFixed(0);
  stage.print(
    `statements of a claim: ${bare.statements.join(', ')}` +
      `; transactions around them: ${bare.transactions}`,
  );
  stage.print(
    `write-ahead log of a claim: ${per(bare.wal.bytes)} bytes; right after a checkpoint ` +
      `${per(whole.wal.bytes)} bytes, with ${(whole.wal.images / CLAIMS).toFixed(1)} full-page images`,
  );
}

interface Cost {
  readonly statements: readonly string[];
  readonly transactions: number;
  readonly wal: Wal;
}

/** A stopped server has written a checkpoint: every page that is touched first is logged whole, if any is. */
async function claimOnFresh(
  stage: Stage,
  { dataDir, people }: Ground,
  asked: { readonly template: string; readonly fullPageWrites: 'on' | 'off' },
): Promise<Cost> {
  const { kit } = stage;
  const settings = { full_page_writes: asked.fullPageWrites };
  const server = await startEmbeddedPostgres(kit, { dataDir, settings });
  try {
    const before = await readWal(server.connection);
    const database = createDatabase(kit, {
      connection: server.connection,
      maxConnections: 1,
      applicationName: 'bench',
    });
    const keyring = await openKeyringOf(kit, { dataDir, database });
    const claims = createCountedClaims(kit, { database, keyring });
    let last: Omit<Cost, 'wal'> = { statements: [], transactions: 0 };
    for (let n = 0; n < CLAIMS; n++) {
      const name = `cost-${asked.fullPageWrites}-${n}`;
      const answer = await claims.claim({
        token: people[n % people.length]?.token ?? '',
        organization: FIRST_ORGANIZATION,
        template: asked.template,
        name,
        idempotencyKey: name,
      });
      if (!answer.claimed) throw new Error(`${name} found nothing`);
      last = answer;
    }
    // A session adds what it wrote to the statistics when it ends.
    await database.close();
    const after = await readWal(server.connection);
    const { statements, transactions } = last;
    const wal = { bytes: after.bytes - before.bytes, images: after.images - before.images };
    return { statements, transactions, wal };
  } finally {
    await server.stop();
  }
}

async function readWal(connection: ConnectionParts): Promise<Wal> {
  const client = await connect(connection);
  const { rows } = await client.query<Wal>(
    'select wal_bytes::float8 as bytes, wal_fpi::float8 as images from pg_stat_wal',
  );
  await client.end();
  return rows[0] ?? { bytes: NaN, images: NaN };
}
