// What a sandbox shows of the Node.js that the daemon runs on.
import path from 'node:path';

/**
 * With what is installed beside it. One that does not lie as installed is shown alone: the folder may be somebody's
 * home, or the one that holds the data folder.
 */
export function nodeFiles(node: string): readonly string[] {
  const folder = path.dirname(node);
  if (path.basename(folder) !== 'bin') return [node];
  return [folder, path.join(folder, '..', 'lib', 'node_modules')];
}
