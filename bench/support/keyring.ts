// The keyring of an installation that a bench runs, for what it calls in its own process.
import type { Kit } from '../../src/base/kit.ts';
import { openKeyring, type Keyring } from '../../src/keys/keyring.ts';
import { dataFolderAt } from '../../src/main/installation/data-folder.ts';
import { loadSecretKey } from '../../src/main/installation/secret-file.ts';
import type { Database } from '../../src/store/database.ts';

export async function openKeyringOf(
  kit: Kit,
  { dataDir, database }: { readonly dataDir: string; readonly database: Database },
): Promise<Keyring> {
  const { secretKeyFile } = dataFolderAt(dataDir);
  const secretKey = await loadSecretKey(kit, secretKeyFile, { create: false });
  return openKeyring({ ...kit, database, secretKey });
}
