// Making a version the active one: at once, or once the claims of its pools were rehearsed.
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { templateRoutes } from '../contract/template/route.ts';
import type { TemplateChangeView } from '../contract/template/schema.ts';
import type { Client } from './client.ts';

export interface PromotedVersion {
  readonly organization: string;
  readonly template: string;
  readonly version: string;
}

export interface PromoteOptions {
  readonly signal: AbortSignal;
  /** Why it is not the active one yet. */
  onWaiting?(why: string): void;
}

const POLL_MS = 500;

/**
 * Its pools begin to fill. A version that refuses to replace anything at a claim is rehearsed first, and
 * waited for. Throws REHEARSAL_REFUSED with what claims would replace.
 */
export async function promoteVersion(
  { client, clock }: { readonly client: Client; readonly clock: Clock },
  promoted: PromotedVersion,
  options: PromoteOptions,
): Promise<TemplateChangeView> {
  const input = { params: { ...promoted }, query: {} };
  for (;;) {
    try {
      return (await client.call(templateRoutes.promoteVersion, input, options)).body;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'REHEARSAL_PENDING') throw error;
      options.onWaiting?.(error.detail);
    }
    await clock.sleep(POLL_MS, options.signal);
  }
}
