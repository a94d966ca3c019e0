// Sealing: AES-256-GCM, so that what is stored cannot be read without its key, nor changed or moved
// to another place without being noticed.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Rng } from './random.ts';

const ALGORITHM = 'aes-256-gcm';
/** GCM's own size; random ones are safe for some 2^32 seals with one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const SEAL_KEY_BYTES = 32;

export interface Sealing {
  /** SEAL_KEY_BYTES long. */
  readonly key: Uint8Array;
  /** Where the sealed value belongs: it opens only there. */
  readonly place: string;
}

/** The nonce, the ciphertext and the tag. */
export function seal(rng: Pick<Rng, 'bytes'>, { key, place }: Sealing, plain: Uint8Array): Buffer {
  const nonce = rng.bytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(place));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws SealBroken for another key, another place, or a value that was changed. */
export function unseal({ key, place }: Sealing, sealed: Uint8Array): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new SealBroken(place);
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(place));
  decipher.setAuthTag(tag);
  try {
    const body = sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch (error) {
    throw new SealBroken(place, { cause: error });
  }
}

export class SealBroken extends Error {
  override readonly name = 'SealBroken';

  constructor(place: string, options?: { readonly cause?: unknown }) {
    super(`what is sealed for ${place} does not open with this key`, options);
  }
}
