// Templates as a person pushes them, made in memory.
import { gzipSync } from 'node:zlib';
import { END, entry } from './tar-bytes.ts';

/** The archive of a template with this manifest. */
export function archiveOf(manifest: string, ...more: readonly Buffer[]): Uint8Array {
  return gzipSync(Buffer.concat([entry('standby.yaml', manifest), ...more, END]));
}

/** The text of a small manifest of the null driver; `lines` go to its end. */
export function manifestText(name: string, ...lines: readonly string[]): string {
  return [`name: ${name}`, 'driver: "null"', 'null: {}', ...lines, ''].join('\n');
}
