// Has drivers take away what they made of archives that no version needs any more, such as images.
import { isAborted } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Driver } from './driver.ts';
import type { Offered } from './offered.ts';

export interface ForgetFilesDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'findUnusedFiles'>;
  readonly offered: Pick<Offered, 'drivers'>;
}

/** What is left for so long takes room and nothing else. */
const EVERY_MS = 600_000;
/** What one call may ask about. */
const MAX_HASHES = 1_000;

/** Until the signal aborts. Never rejects. */
export async function forgetFiles(deps: ForgetFilesDeps, signal: AbortSignal): Promise<void> {
  const { kit, offered } = deps;
  for (;;) {
    try {
      await kit.clock.sleep(EVERY_MS, signal);
    } catch {
      return; // the daemon stops
    }
    for (const driver of offered.drivers.values()) {
      try {
        await forgetFilesOf(deps, driver, signal);
      } catch (error) {
        // An engine or a control plane that is away, or one that does not know the question yet.
        if (!isAborted(signal)) kit.log.warn('files.not_forgotten', { driver: driver.name, error });
      }
    }
  }
}

async function forgetFilesOf(
  deps: ForgetFilesDeps,
  driver: Driver,
  signal: AbortSignal,
): Promise<void> {
  const hashes = (await driver.fileCache?.list()) ?? [];
  for (let at = 0; at < hashes.length; at += MAX_HASHES) {
    const asked = hashes.slice(at, at + MAX_HASHES);
    for (const hash of await deps.controlPlane.findUnusedFiles(asked, signal)) {
      signal.throwIfAborted();
      await forgetFile(deps.kit, driver, hash);
    }
  }
}

/** Never rejects: one that cannot be taken away keeps no other one. */
async function forgetFile(
  { log }: Pick<Kit, 'log'>,
  { name, fileCache }: Driver,
  hash: string,
): Promise<void> {
  try {
    if ((await fileCache?.remove(hash)) === true)
      log.info('files.forgotten', { driver: name, hash });
  } catch (error) {
    log.warn('files.not_forgotten', { driver: name, hash, error });
  }
}
