// The queue of provisioner jobs beside others, the way of a job to an idle daemon, and what idle daemons
// cost. Run: npx tsx bench/queue.ts [throughput|latency|waiting]
import { createKit } from '../src/base/kit.ts';
import { createLog } from '../src/base/log.ts';
import { install, startBenchServer } from './queue/installation.ts';
import { measureLatency } from './queue/latency.ts';
import { prepareContenders } from './queue/throughput.ts';
import { measureWaiting } from './queue/waiting.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 7);
const JOBS = Number(process.env['JOBS'] ?? 2_000);
const parts = process.argv.slice(2);
const isAsked = (part: string): boolean => parts.length === 0 || parts.includes(part);

const kit = createKit(createLog('error'));
const server = await startBenchServer(kit);
try {
  if (isAsked('throughput')) await throughput();
  if (isAsked('latency')) {
    await using installation = await install(kit, await server.createDatabase('latency'));
    for (const line of await measureLatency(kit, installation)) print(line);
  }
  if (isAsked('waiting')) {
    for (const line of await measureWaiting(kit, server)) print(line);
  }
} finally {
  await server.stop();
}

/** Interleaved, so that what else the machine does meets all alike; the first round warms up. */
async function throughput(): Promise<void> {
  await using installation = await install(kit, await server.createDatabase('queue'));
  await using contenders = await prepareContenders(kit, server, installation);
  const rates = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, run] of Object.entries(contenders.byName)) {
      const tookMs = await run(JOBS);
      if (round > 0) rates.set(name, [...(rates.get(name) ?? []), (JOBS / tookMs) * 1_000]);
    }
  }
  const peers = rates.get('graphile-worker') ?? [];
  for (const [name, perSecond] of rates) {
    const ratio = median(perSecond.map((rate, round) => rate / (peers[round] ?? Number.NaN)));
    const rate = `${median(perSecond).toFixed(0).padStart(6)} jobs/s`;
    print(`${name.padEnd(22)} ${rate}  ${ratio.toFixed(2)} × graphile-worker`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
