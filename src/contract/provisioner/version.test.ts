import { describe, expect, it } from 'vitest';
import type { AppError } from '../../base/app-error.ts';
import { checkProtocolVersion } from './version.ts';

const VERSIONS = { oldest: 2, newest: 3 };

function refusal(message: unknown): Pick<AppError, 'code' | 'detail' | 'hint'> | undefined {
  try {
    checkProtocolVersion(message, VERSIONS);
    return undefined;
  } catch (error) {
    const { code, detail, hint } = error as AppError;
    return { code, detail, hint };
  }
}

describe('the version of a first message', () => {
  it('may be the newest or the one before', () => {
    expect(refusal({ protocol_version: 3 })).toBeUndefined();
    expect(refusal({ protocol_version: 2 })).toBeUndefined();
  });

  it('is refused when it is older or newer, with both sides’ versions and what to do', () => {
    expect(refusal({ protocol_version: 1, name: 'b1', version: '0.3.0', drivers: 7 })).toEqual({
      code: 'PROTOCOL_UNSUPPORTED',
      detail:
        'daemon "b1" (release "0.3.0") speaks version 1 of the provisioner protocol, this control plane versions 2 to 3',
      hint: 'Upgrade the daemon to the release of the control plane.',
    });
    expect(refusal({ protocol_version: 4, whatever: [] })).toEqual({
      code: 'PROTOCOL_UNSUPPORTED',
      detail:
        'the daemon speaks version 4 of the provisioner protocol, this control plane versions 2 to 3',
      hint: 'Upgrade the control plane before its daemons, or run an older daemon.',
    });
  });

  it('is left to the schema when it is none', () => {
    for (const message of [null, 'x', [], {}, { protocol_version: '4' }, { protocol_version: 1.5 }])
      expect(refusal(message)).toBeUndefined();
  });
});
