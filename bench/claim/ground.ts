// What claims are measured on: a template of the null driver, whose pool the daemon fills over the real
// protocol, and people who each hold a token.
import type { UserId } from '../../src/base/id.ts';
import type { Client } from '../../src/client/client.ts';
import { peopleRoutes } from '../../src/contract/people/route.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import { archiveOf, manifestText } from '../../test/support/pushed-template.ts';
import type { Stage } from '../support/bench.ts';
import { startInstallation } from '../support/installation.ts';
import { waitUntilFull } from '../support/pool.ts';
import { connect } from '../support/postgres.ts';

export interface Person {
  readonly userId: UserId;
  readonly token: string;
}

export interface PushedTemplate {
  readonly name: string;
  readonly claim: 'instant' | 'apply';
  readonly instances: number;
  /** More of its manifest. */
  readonly lines?: readonly string[];
}

export interface Ground {
  readonly dataDir: string;
  readonly url: string;
  readonly connection: ConnectionParts;
  /** Of the control plane. */
  readonly pid: number;
  readonly people: readonly Person[];
  /** Gives the template a pool that fills, and refills when claimed from. */
  push(template: PushedTemplate): Promise<void>;
  /** Resolves when the template's pool is full. */
  fill(template: string): Promise<void>;
  /** Nothing is built until the next `push` or `fill`: neither what replaces the claimed, nor their builds. */
  pause(): Promise<void>;
  /** Ends both programs and the database. */
  stop(): Promise<void>;
}

const SETTINGS: Readonly<Record<string, string>> = {
  // Fills the pool quickly; while claims are measured, the daemon has nothing to do.
  STANDBY_PROVISIONER_CONCURRENCY: '8',
  // How soon a pool goes on after its pause.
  STANDBY_PREBUILDS_RECONCILIATION_INTERVAL: '1s',
};
const FILL_POLL_MS = 100;

export async function layGround(
  stage: Stage,
  headcount: number,
  settings = SETTINGS,
): Promise<Ground> {
  const installation = await startInstallation(stage, settings);
  const { dataDir, connection, client, server, daemon } = installation;
  // A stopped process would not hear that it shall end.
  stage.onEnd(() => daemon.child.kill('SIGCONT'));
  const database = await connect(connection);
  stage.onEnd(() => database.end());
  const resume = async (): Promise<void> => {
    daemon.child.kill('SIGCONT');
    await database.query('update pools set paused = false');
  };
  return {
    dataDir,
    connection,
    pid: server.child.pid ?? 0,
    url: client.url,
    people: await Promise.all(Array.from({ length: headcount }, (_, n) => hire(client, n))),
    push: async ({ name, claim, instances, lines = [] }) => {
      await resume();
      const manifest = manifestText(
        name,
        `claim: ${claim}`,
        `presets: [{ name: only, default: true, prebuilds: { instances: ${instances} } }]`,
        ...lines,
      );
      await installation.push(name, archiveOf(manifest));
    },
    fill: async (template) => {
      await resume();
      await waitUntilFull(stage, { client, template, pollMs: FILL_POLL_MS });
    },
    pause: async () => {
      await database.query('update pools set paused = true');
      daemon.child.kill('SIGSTOP');
    },
    stop: async () => {
      daemon.child.kill('SIGCONT');
      await database.end();
      await daemon.end('SIGTERM');
      await server.end('SIGTERM');
    },
  };
}

async function hire(client: Client, n: number): Promise<Person> {
  const username = `claimer-${n}`;
  const { body: user } = await client.call(peopleRoutes.createUser, {
    body: { username, organizations: [FIRST_ORGANIZATION] },
  });
  const { body: token } = await client.call(peopleRoutes.createToken, {
    body: { name: 'bench', username },
  });
  return { userId: user.id as UserId, token: token.secret };
}
