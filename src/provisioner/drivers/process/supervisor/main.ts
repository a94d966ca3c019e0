// The entry of dist/supervisor.mjs: keeps one workspace's programs alive, whatever becomes of the
// daemon that started it. Started with the plan's path as its only argument.
import { readFileSync } from 'node:fs';
import { systemClock } from '../../../../base/clock.ts';
import { StopCause } from '../../../../base/service.ts';
import { planSchema } from './plan.ts';
import { supervise } from './supervise.ts';

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new StopCause('SIGTERM')));
// A terminal's signals are not meant for what should outlive the terminal.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

const plan = planSchema.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
await supervise(systemClock, plan, stop.signal);
