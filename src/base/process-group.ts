// Signals to all processes of a group at once.

/** Gives whether there was one that could be signalled. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EPERM: only processes of another user are left (sudo), or on macOS only zombies.
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
