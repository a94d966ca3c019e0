// What says that somebody uses the workspace: a file that is made by whatever sees people at work, and taken
// away by the agent, which tells the control plane.
import { unlink } from 'node:fs/promises';
import path from 'node:path';

export function activityFile(stateDir: string): string {
  return path.join(stateDir, 'activity');
}

/** Whether there was one. What cannot be taken away counts for nothing, or it would count for ever. */
export async function takeActivity(stateDir: string): Promise<boolean> {
  try {
    await unlink(activityFile(stateDir));
    return true;
  } catch {
    return false;
  }
}
