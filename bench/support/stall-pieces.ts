// The process of stall-watch.ts: says that it has begun, and all pieces at the end, with the wall clock's times.
import { PIECE_EVERY_MS, type Piece } from './stall.ts';

const LOOPS = 60_000; // 0.1 ms
const WARM_UP = 3_000;

let seed = 1;
function work(): void {
  for (let n = 0; n < LOOPS; n++) seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const pieces: Piece[] = [];
for (let n = 0; n < WARM_UP; n++) work();
setInterval(() => {
  const before = cpuMs();
  work();
  pieces.push({ atMs: Date.now(), cpuMs: cpuMs() - before });
}, PIECE_EVERY_MS);
process.once('message', () => process.send?.(pieces));
// The bench has ended, in whatever way.
process.once('disconnect', () => process.exit());
process.send?.('begun');
