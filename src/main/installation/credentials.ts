// The secrets by which this machine's command line and daemon are known to this installation. They
// are written before the database learns of them, so that a crash in between loses nothing.
import { z } from 'zod';
import type { Kit } from '../../base/kit.ts';
import { writePrivateFile } from '../../base/private-file.ts';
import { readIfThere } from '../../base/read-if-there.ts';
import { createToken } from '../../base/token.ts';
import type { DataFolder } from './data-folder.ts';

const credentialsSchema = z.object({ url: z.string(), token: z.string() });

export interface Credentials {
  readonly adminToken: string;
  readonly provisionerKey: string;
}

/** Reads both, making what is missing. */
export async function loadCredentials(
  kit: Pick<Kit, 'rng'>,
  folder: DataFolder,
): Promise<Credentials> {
  const found = await readIfThere(folder.credentialsFile);
  const adminToken =
    found === undefined
      ? createToken(kit.rng, 'sbt').secret
      : credentialsSchema.parse(JSON.parse(found)).token;
  if (found === undefined) await writeCredentials(folder, { url: '', token: adminToken });

  const key = (await readIfThere(folder.provisionerKeyFile))?.trim();
  const provisionerKey = key ?? createToken(kit.rng, 'sbp').secret;
  if (key === undefined) await writePrivateFile(folder.provisionerKeyFile, `${provisionerKey}\n`);
  return { adminToken, provisionerKey };
}

/** What the command line on this machine uses by itself. */
export async function writeCredentials(
  folder: DataFolder,
  credentials: { readonly url: string; readonly token: string },
): Promise<void> {
  await writePrivateFile(folder.credentialsFile, `${JSON.stringify(credentials)}\n`);
}
