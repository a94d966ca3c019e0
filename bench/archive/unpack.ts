// Unpacks archives in a process of its own, and tells what each took: `unpack.ts FOLDER ARCHIVE…`, whose
// first archive only warms up. Reads of memory are the kernel's: the peak is set back before each.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { extractArchive } from '../../src/archive/extract-archive.ts';

const [folder = '', ...archives] = process.argv.slice(2);
const said = [];
for (const [index, archive] of archives.entries()) {
  const bytes = await readFile(archive);
  await writeFile('/proc/self/clear_refs', '5');
  const beforeKib = await read('VmRSS');
  const beganMs = systemClock.monotonicMs();
  await extractArchive([bytes], path.join(folder, String(index)));
  const ms = systemClock.monotonicMs() - beganMs;
  said.push({ ms, growthMib: ((await read('VmHWM')) - beforeKib) / 1024 });
}
process.stdout.write(JSON.stringify(said.at(-1)));

async function read(name: string): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
}
