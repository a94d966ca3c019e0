// The daemon of bench/log-flood.ts: the product's own, with a driver whose check of a version is a
// program that prints 20 MB a second.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createKit } from '../../src/base/kit.ts';
import { createLog } from '../../src/base/log.ts';
import { createClient } from '../../src/client/client.ts';
import { createHttpControlPlane } from '../../src/provisioner/control-plane.ts';
import { createDaemon } from '../../src/provisioner/daemon.ts';
import type { Driver } from '../../src/provisioner/driver.ts';

const [folder = '', url = '', token = '', seconds = '30'] = process.argv.slice(2);

const PRINTER = `
  const chunk = Buffer.from(('x'.repeat(79) + '\\n').repeat(12_500));
  const startedMs = Date.now();
  let printed = 0;
  const print = () => {
    const seconds = (Date.now() - startedMs) / 1000;
    if (seconds > ${seconds}) return;
    const due = seconds * 20_000_000 - printed;
    if (due < chunk.length) return void setTimeout(print, 10);
    printed += chunk.length;
    if (process.stdout.write(chunk)) setImmediate(print);
    else process.stdout.once('drain', print);
  };
  print();`;

let lines = 0;
const flood: Driver = {
  name: 'null',
  check: async (_template, context) => {
    const child = spawn(process.execPath, ['-e', PRINTER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(child.stdout)) {
      context.log('info', line);
      lines += 1;
    }
    if (child.exitCode === null) await once(child, 'exit');
    process.stdout.write(`printed ${((lines * 80) / 1_000_000).toFixed(0)} MB\n`);
  },
  start: async () => ({ outputs: {}, secretOutputs: {}, resources: [] }),
  stop: async () => undefined,
  delete: async () => undefined,
  undo: async () => undefined,
};

const daemon = createDaemon(createKit(createLog('error')), {
  ...{
    folder,
    name: 'flood',
    version: 'bench',
    tags: {},
    concurrency: 1,
    drivers: [flood],
    drainMs: 3_000,
  },
  controlPlane: createHttpControlPlane(createClient({ url, token })),
});
await daemon.start();
process.once('SIGTERM', () => void daemon.stop('SIGTERM', 10_000));
