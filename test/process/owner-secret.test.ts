// What an owner gives with a request, in a whole installation: a canary in a variable, a secret and a file is
// looked for wherever anybody but the owner could read it, while it is kept and after it was delivered.
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createClient } from '../../src/client/client.ts';
import { jobRoutes } from '../../src/contract/job/route.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';
import type { ConnectionParts } from '../../src/store/database.ts';

import { askEverything, dumpDatabase, findIn, readFiles } from '../support/canary.ts';
import { runCommandLineWith } from '../support/command-line.ts';
import { processesOf } from '../support/installation.ts';
import { ask } from '../support/postgres.ts';
import { buildBin, runBin, startProgram, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/** No character of it means anything to a shell, and some do in a URL. */
const CANARY = 'Canary_41d0be+facade/77aa=';
const TEMPLATES: Readonly<Record<string, string>> = {
  // One is ready, and takes its owner over at once.
  swift:
    'claim: instant\npresets: [{name: default, default: true, prebuilds: {instances: 1}}]\n' +
    'agents: [{name: main, on_claim: ./take.sh}]',
  // Its agent is never so far that it fetches what was given.
  slow: 'agents: [{name: main, startup: ./never.sh}]',
};
const SCRIPTS: Readonly<Record<string, string>> = {
  'take.sh':
    '. "$STANDBY_OWNER_DIR/environment"; test "$GIVEN" = "$(cat "$STANDBY_OWNER_DIR/secrets/token")"',
  'never.sh': 'exec sleep 600',
};

let scratch: string;
let server: Program;
let daemon: Program;
let connection: ConnectionParts;
let url: string;
let token: string;

const at = (...names: readonly string[]): string => path.join(scratch, ...names);

beforeAll(async () => {
  buildBin();
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-owner-secret-'));
  // The embedded server may run as another user.
  await chmod(scratch, 0o711);
  await writeFile(at('given'), CANARY);
  for (const [name, lines] of Object.entries(TEMPLATES)) {
    await mkdir(at(name));
    const driver = 'driver: process\nprocess: {command: "exec sleep 600"}';
    await writeFile(at(name, 'standby.yaml'), `name: ${name}\n${driver}\n${lines}\n`);
    for (const [script, text] of Object.entries(SCRIPTS)) {
      await writeFile(at(name, script), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
  }
  const environment = { STANDBY_LOG_LEVEL: 'debug' };
  const data = ['--data-dir', at('data')];
  server = startProgram(['server', '--http-port', '0', ...data], { environment });
  url = /Standby serves at (\S+)/.exec(await server.until('Standby serves at '))?.[1] ?? '';
  daemon = startProgram(['provisioner', '--drivers', 'process', ...data], { environment });
  await daemon.until('The daemon works for');
  ({ connection } = await startEmbeddedPostgres(createKit(silentLog), { dataDir: at('data') })); // adopts it
  const file = await readFile(at('data', 'credentials.json'), 'utf8');
  ({ token } = JSON.parse(file) as { readonly token: string });
  for (const name of Object.keys(TEMPLATES)) await run('template', 'push', at(name));
}, 120_000);

afterAll(async () => {
  await Promise.all([server, daemon].map((program) => program.end('SIGTERM')));
  await runBin(['down', '--data-dir', at('data')]);
  await rm(scratch, { recursive: true, force: true });
}, 60_000);

/** Gives what it printed. */
async function run(...argv: readonly string[]): Promise<string> {
  const environment = { STANDBY_URL: url, STANDBY_TOKEN: token, STANDBY_DATA_DIR: at('cli') };
  const { status, out, err } = await runCommandLineWith(environment, ...argv);
  expect({ status, err }, argv.join(' ')).toMatchObject({ status: 0 });
  return out + err;
}

const client = () => createClient({ url, token });

/** By the API, since the command waits for what is never ready. */
const give = (template: string, name: string): Promise<Response> =>
  fetch(`${url}/api/v1/organizations/default/workspaces`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ name, template },
      environment: { GIVEN: CANARY },
      secrets: { token: CANARY },
      files: { 'a/b': { content: CANARY } },
    }),
  });

/** What everybody on the machine with the rights of an administrator sees of the processes. */
function readProcesses(): ReadonlyMap<string, string> {
  const read = new Map<string, string>();
  for (const pid of processesOf(scratch)) {
    for (const what of ['environ', 'cmdline']) {
      try {
        read.set(`${pid} ${what}`, readFileSync(`/proc/${pid}/${what}`, 'latin1'));
      } catch {
        // gone
      }
    }
  }
  return read;
}

async function readAnswers(): Promise<ReadonlyMap<string, string>> {
  const { body: workspaces } = await client().call(workspaceRoutes.listWorkspaces, {
    query: { owner: 'all' },
  });
  const params = { organization: 'default' };
  const { body: jobs } = await client().call(jobRoutes.listJobs, { params, query: {} });
  return askEverything(
    { url, token },
    {
      organization: ['default'],
      template: Object.keys(TEMPLATES),
      version: ['v1'],
      preset: ['default'],
      group: ['prebuilt-workspaces'],
      workspace: workspaces.items.map(({ id }) => id),
      job: jobs.items.map(({ id }) => id),
      waiter: [],
    },
  );
}

/** All places but the owner's own, which are given. */
async function lookEverywhere(): Promise<readonly string[]> {
  const processes = readProcesses();
  // Not because there is nothing to be seen.
  for (const { child } of [server, daemon])
    expect(processes.get(`${child.pid} cmdline`)).toContain(scratch);
  const said = new Map([
    ['server', server.said()],
    ['daemon', daemon.said()],
  ]);
  const found: string[] = [];
  const places = [said, processes, await dumpDatabase(connection), await readAnswers()];
  for (const texts of places) found.push(...findIn(texts, CANARY));
  expect(found).toEqual([]);
  // The database's files, with its write-ahead log, are among them.
  const files = await readFiles(scratch, 'data');
  expect([...files.keys()].some((name) => name.includes('/pg_wal/'))).toBe(true);
  return findIn(files, CANARY);
}

const kept = () => ask(connection, 'select sealed is not null from owner_values');

it('what an owner gives is nowhere where anybody else could read it', async () => {
  await until(async () => {
    const params = { organization: 'default', template: 'swift', preset: 'default' };
    expect((await client().call(poolRoutes.getPool, { params })).body.state?.eligible).toBe(1);
  });
  const refused = await give('nowhere', 'refused');
  expect([refused.status, findIn(new Map([['refused', await refused.text()]]), CANARY)]).toEqual([
    404,
    [],
  ]);
  const slow = await give('slow', 'later');
  expect([slow.status, findIn(new Map([['later', await slow.text()]]), CANARY)]).toEqual([201, []]);
  const given = ['--env', `GIVEN=${CANARY}`, '--secret', `token=@${at('given')}`];
  const files = ['--file', `a/b=@${at('given')}`];
  const said = await run('create', 'demo', '--template', 'swift', ...given, ...files);
  expect(said).toContain('claimed from the pool');
  expect(said).not.toContain(CANARY);

  // One was delivered and is not kept any more, the other one still is.
  const folder = /^data\/provisioner\/workspaces\/[0-9a-f-]+\/agent-main\/owner\//;
  await until(async () => expect(await kept()).toEqual([true]));
  const own = await lookEverywhere();
  expect(own.map((name) => name.replace(folder, '')).sort()).toEqual([
    ...['environment', 'files/a/b', 'secrets/token'],
  ]);
  expect(await run('workspace', 'show', 'demo')).toMatch(/ready|running/);

  for (const name of ['demo', 'later']) await run('workspace', 'delete', name);
  await until(async () => expect(await kept()).toEqual([]));
  await until(async () => expect(await lookEverywhere()).toEqual([]));
}, 240_000);
