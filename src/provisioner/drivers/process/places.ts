// Where the process driver of a daemon has what it makes, and what of it no sandbox shows.
import path from 'node:path';
import { realPath } from '../../../base/real-path.ts';

export interface DriverPlaces {
  /** The folder that holds the workspaces' folders. */
  readonly workspaces: string;
  readonly hidden: readonly string[];
}

/**
 * Of the daemon in `folder`. Named as they really lie: a sandbox that shows /opt would show there what is hidden only
 * where a link to it is.
 */
export function placesOf(folder: string): DriverPlaces {
  const workspaces = realPath(path.join(folder, 'workspaces'));
  // The data folder as a whole: a control plane may have its own beside the daemon's.
  const hidden = [path.dirname(folder), folder].map(realPath);
  return { workspaces, hidden: [...new Set([...hidden, workspaces])] };
}
