// Secrets of an installation that are made once and kept in files of mode 0600.
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { writePrivateFile } from '../../base/private-file.ts';
import { readIfThere } from '../../base/read-if-there.ts';
import { createToken } from '../../base/token.ts';

const KEY_BYTES = 32;
const FORM = /^[0-9a-f]{64}$/;

/** The installation's secret, made when `create` is set and there is none. Throws CONFIG_INVALID. */
export async function loadSecretKey(
  kit: Pick<Kit, 'rng'>,
  file: string,
  options: { readonly create: boolean },
): Promise<Buffer> {
  const found = await readIfThere(file);
  if (found === undefined && options.create) {
    const key = Buffer.from(kit.rng.bytes(KEY_BYTES));
    await writePrivateFile(file, `${key.toString('hex')}\n`);
    return key;
  }
  const text = found?.trim() ?? '';
  if (!FORM.test(text)) {
    const problem = found === undefined ? 'does not exist' : 'does not hold 64 hexadecimal digits';
    throw new AppError('CONFIG_INVALID', {
      detail: `the secret key file ${file} ${problem}`,
      hint: 'Set STANDBY_SECRET_KEY_FILE to a file made with `openssl rand -hex 32`, the same for every replica.',
    });
  }
  return Buffer.from(text, 'hex');
}

const METRICS_TOKEN = /^sbm_[\w-]{32,256}$/;

/** What opens the metrics, made when `create` is set and there is none. Throws CONFIG_INVALID. */
export async function loadMetricsToken(
  kit: Pick<Kit, 'rng'>,
  file: string,
  options: { readonly create: boolean },
): Promise<string> {
  const found = (await readIfThere(file))?.trim();
  if (found === undefined && options.create) {
    const { secret } = createToken(kit.rng, 'sbm');
    await writePrivateFile(file, `${secret}\n`);
    return secret;
  }
  if (found === undefined || !METRICS_TOKEN.test(found)) {
    const problem =
      found === undefined
        ? 'does not exist'
        : 'does not hold sbm_ and 32 or more letters and digits';
    throw new AppError('CONFIG_INVALID', {
      detail: `the metrics token file ${file} ${problem}`,
      hint: 'Make one with `echo sbm_$(openssl rand -hex 32)`; STANDBY_METRICS_TOKEN_FILE names it.',
    });
  }
  return found;
}
