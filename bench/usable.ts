// How soon a workspace is of use to who claims it: a real installation, the shipped `hello` with its process and
// its agent, from the request until its page greets the owner by name.
import { Agent, get } from 'node:http';
import type { Client } from '../src/client/client.ts';
import { workspaceRoutes } from '../src/contract/workspace/route.ts';
import { startEmbeddedPostgres } from '../src/embedded/server.ts';
import { FIRST_ORGANIZATION } from '../src/people/bootstrap.ts';
import { bodyOfCreated } from '../test/support/created.ts';
import { createInstallation } from '../test/support/installation.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { percentile, renderTable } from './support/figures.ts';
import { waitUntilFull } from './support/pool.ts';
import { tellPostgres } from './support/postgres.ts';

const TEMPLATE = 'hello';
const GREETING = '<h1>Hello, Administrator!</h1>';
const CLAIMS = 30;
const WARM_UP = 2;
const FULL_POLL_MS = 100;
/** What comes between two looks at the page: they cost its server, which has to greet, something. */
const PAGE_POLL_MS = 2;

interface Usable {
  readonly answeredMs: number;
  readonly greetedMs: number;
}

export const bench = defineBench({
  name: 'usable',
  summary: `from the claim of a warm ${TEMPLATE} to the greeting of its owner by name, ${CLAIMS} times; 2 min`,
  run: async (stage) => {
    const installation = await createInstallation();
    stage.onEnd(() => installation.remove());
    await installation.up();
    const { dataDir } = installation;
    const { connection } = await startEmbeddedPostgres(stage.kit, { dataDir }); // adopts it
    await tellPostgres(stage, connection);
    const client = await installation.client();
    const agent = new Agent({ keepAlive: true });
    stage.onEnd(() => agent.destroy());
    const samples: Usable[] = [];
    for (let n = 0; n < WARM_UP + CLAIMS; n++) {
      await waitUntilFull(stage, { client, template: TEMPLATE, pollMs: FULL_POLL_MS });
      const sample = await claimOne(stage, { client, agent, name: `usable-${n}` });
      if (n >= WARM_UP) samples.push(sample);
    }
    const row = (name: string, ms: readonly number[]): readonly string[] => [
      name,
      ...[0.5, 0.99, 1].map((share) => percentile(ms, share).toFixed(0)),
    ];
    stage.print();
    stage.print(
      renderTable([
        [`ms from the request, ${CLAIMS} claims`, 'p50', 'p99', 'most'],
        row(
          'assigned: the claim is answered',
          samples.map(({ answeredMs }) => answeredMs),
        ),
        row(
          'usable: the page greets the owner',
          samples.map(({ greetedMs }) => greetedMs),
        ),
      ]),
    );
  },
});

interface Asked {
  readonly client: Client;
  readonly agent: Agent;
  readonly name: string;
}

async function claimOne(
  { kit: { clock }, signal }: Stage,
  { client, agent, name }: Asked,
): Promise<Usable> {
  const startedMs = clock.monotonicMs();
  const answer = await client.call(workspaceRoutes.createWorkspace, {
    params: { organization: FIRST_ORGANIZATION },
    headers: { 'idempotency-key': name },
    body: { name, template: TEMPLATE },
  });
  const answeredMs = clock.monotonicMs() - startedMs;
  const { claimed, workspace } = bodyOfCreated(answer);
  if (!claimed) throw new Error(`${name} found nothing although the pool was full`);
  const url = workspace.outputs['url'] ?? '';
  while (!(await readPage(url, agent)).includes(GREETING)) {
    await clock.sleep(PAGE_POLL_MS, signal);
  }
  const greetedMs = clock.monotonicMs() - startedMs;
  const params = { workspace: workspace.id };
  await client.call(workspaceRoutes.deleteWorkspace, { params });
  await client.call(workspaceRoutes.getWorkspace, { params, query: { wait_ms: 30_000 } });
  return { answeredMs, greetedMs };
}

function readPage(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve(text));
    });
    asked.on('error', reject);
  });
}
