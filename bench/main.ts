// `npm run bench` says which benches there are; `npm run bench -- NAME` runs one. What they measure
// and what was seen stands in docs/benchmarks.md.
import { setMaxListeners } from 'node:events';
import { createKit } from '../src/base/kit.ts';
import { createLog } from '../src/base/log.ts';
import { catchInterrupts } from '../src/main/interrupt.ts';
import { onStage, type Bench } from './support/bench.ts';
import { describeMachine, describeProcessorTime, readProcessorTime } from './support/machine.ts';

const BENCHES: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  'agent-memory': () => import('./agent-memory.ts'),
  agents: () => import('./agents.ts'),
  archive: () => import('./archive.ts'),
  churn: () => import('./churn.ts'),
  claim: () => import('./claim.ts'),
  create: () => import('./create.ts'),
  creations: () => import('./creations.ts'),
  decide: () => import('./decide.ts'),
  docker: () => import('./docker.ts'),
  'hand-over': () => import('./hand-over.ts'),
  'job-latency': () => import('./job-latency.ts'),
  'leader-lock': () => import('./leader-lock.ts'),
  'log-flood': () => import('./log-flood.ts'),
  pass: () => import('./pass.ts'),
  queue: () => import('./queue.ts'),
  reaction: () => import('./reaction.ts'),
  shrink: () => import('./shrink.ts'),
  terraform: () => import('./terraform.ts'),
  usable: () => import('./usable.ts'),
  'waiting-daemons': () => import('./waiting-daemons.ts'),
};

const INTERRUPTED = 130;
const USAGE = 64;

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...more]: readonly string[]): Promise<number> {
  if (name === undefined) {
    print(await listBenches());
    return 0;
  }
  const bench = (await BENCHES[name]?.())?.bench;
  if (bench === undefined || more.length > (bench.argument === undefined ? 0 : 1)) {
    process.stderr.write(`There is no bench "${[name, ...more].join(' ')}".\n\n`);
    process.stderr.write(`${await listBenches()}\n`);
    return USAGE;
  }
  return runBench(bench, more[0]);
}

async function listBenches(): Promise<string> {
  const modules = await Promise.all(Object.values(BENCHES).map((load) => load()));
  const called = ({ name, argument }: Bench): string =>
    argument === undefined ? name : `${name} [${argument}]`;
  const width = Math.max(...modules.map(({ bench }) => called(bench).length));
  const lines = modules.map(({ bench }) => `  ${called(bench).padEnd(width)}  ${bench.summary}`);
  return ['npm run bench -- NAME', '', ...lines].join('\n');
}

async function runBench(bench: Bench, argument?: string): Promise<number> {
  const signal = catchInterrupts();
  // All of a bench waits with it, which is no leak.
  setMaxListeners(0, signal);
  print(`${bench.name}: ${bench.summary}`);
  print(describeMachine());
  const before = await readProcessorTime();
  try {
    const kit = createKit(createLog('warn'));
    await onStage({ kit, signal, print }, (stage) => bench.run(stage, argument));
    const spent = describeProcessorTime(before, await readProcessorTime());
    if (spent !== undefined) print(spent);
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write('Interrupted.\n');
    return INTERRUPTED;
  }
}

function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}
