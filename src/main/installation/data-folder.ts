// The data folder: made at the first start, private to its user, and marked with the version of its
// layout, so that an older program never touches a newer one's data.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../base/app-error.ts';
import { ensureFolder } from '../../base/folder.ts';
import { writePrivateFile } from '../../base/private-file.ts';
import { readIfThere } from '../../base/read-if-there.ts';
import { lockOf } from '../../provisioner/data-folder.ts';

/** Rises when an older program could no longer use the folder. */
const LAYOUT_VERSION = 1;

export interface DataFolder {
  readonly path: string;
  /** Of the control plane: url and token for the command line on this machine. */
  readonly credentialsFile: string;
  readonly secretKeyFile: string;
  readonly provisionerKeyFile: string;
  /** What Prometheus shows. */
  readonly metricsTokenFile: string;
  /** The lock of the control plane that runs in the folder. */
  readonly instanceLock: string;
  /** Where it can be reached. */
  readonly instanceFile: string;
  readonly provisionerDir: string;
  /** The lock of the daemon that runs in it. */
  readonly provisionerLock: string;
  readonly logFile: string;
}

export function dataFolderAt(folder: string): DataFolder {
  const provisionerDir = path.join(folder, 'provisioner');
  return {
    path: folder,
    credentialsFile: path.join(folder, 'credentials.json'),
    secretKeyFile: path.join(folder, 'secret.key'),
    provisionerKeyFile: path.join(folder, 'provisioner.key'),
    metricsTokenFile: path.join(folder, 'metrics.token'),
    instanceLock: path.join(folder, 'lock'),
    instanceFile: path.join(folder, 'instance.json'),
    provisionerDir,
    provisionerLock: lockOf(provisionerDir),
    logFile: path.join(folder, 'log', 'standby.log'),
  };
}

/** Makes the folder when it is missing and checks its version. Nothing is written to a newer one. */
export async function openDataFolder(folder: string): Promise<DataFolder> {
  const versionFile = path.join(folder, 'layout-version');
  try {
    // Others may pass through: the embedded server of a root installation runs as another user.
    await ensureFolder(folder, 0o711);
    const found = await readVersion(versionFile);
    if (found === undefined) await writePrivateFile(versionFile, `${LAYOUT_VERSION}\n`);
    else if (found > LAYOUT_VERSION) {
      throw new AppError('DATA_FOLDER_NEWER', {
        detail: `${folder} has layout version ${found}; this program knows ${LAYOUT_VERSION}`,
      });
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const detail = `the data folder ${folder} cannot be used: ${(error as Error).message}`;
    throw new AppError('DATA_FOLDER_UNUSABLE', detail, { cause: error });
  }
  return dataFolderAt(folder);
}

/** The folder if there is one; it is not made. Throws as openDataFolder. */
export async function findDataFolder(folder: string): Promise<DataFolder | undefined> {
  try {
    await stat(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  }
  return openDataFolder(folder);
}

async function readVersion(file: string): Promise<number | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const version = Number(text.trim());
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new Error(`${file} holds ${JSON.stringify(text.slice(0, 40))} instead of a version`);
  }
  return version;
}
