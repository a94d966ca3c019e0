// Requests that no prebuild will ever serve.
import { AppError } from '../../base/app-error.ts';
import type { Order } from '../order.ts';

/** `because`: as a taking says why it took none. */
export function nothingToWaitFor(
  { request: { template }, wanted: { preset } }: Order,
  because: 'unwanted' | 'no_pool' | 'parameters',
): AppError {
  switch (because) {
    case 'parameters':
      return new AppError('NO_POOL', {
        detail: `no prebuild of ${template}/${preset?.name ?? ''} can ever have these parameters: some of them cannot be changed once it is built`,
        hint: 'Leave out what the template calls immutable, choose another preset, or use --on-empty create.',
        fields: { reason: 'parameters' },
      });
    case 'no_pool':
      return new AppError('NO_POOL', {
        detail: `preset ${preset?.name ?? ''} of template ${template} has no prebuilds to wait for`,
        fields: { reason: 'no_pool' },
      });
    case 'unwanted':
      return new AppError('NO_POOL', {
        detail: `the request fits no preset of template ${template}, so there are no prebuilds to wait for`,
        fields: { reason: 'no_pool' },
      });
  }
}
