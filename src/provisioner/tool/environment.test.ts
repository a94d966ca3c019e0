import { describe, expect, it } from 'vitest';
import { inheritEnvironment } from './environment.ts';

const environment = {
  PATH: '/bin',
  AWS_REGION: 'eu',
  AWS_PROFILE: 'dev',
  AWSOME: 'x',
  STANDBY_PROVISIONER_KEY: 'secret',
  OTHER: 'y',
  UNSET: undefined,
};

describe('the environment that is handed on', () => {
  it('holds what is listed, by name or by how it begins', () => {
    expect(inheritEnvironment(environment, ['PATH', 'AWS_*', 'UNSET', 'MISSING'])).toEqual({
      PATH: '/bin',
      AWS_REGION: 'eu',
      AWS_PROFILE: 'dev',
    });
  });

  it('never holds the settings of the daemon', () => {
    const listed = ['STANDBY_*', 'STANDBY_PROVISIONER_KEY', 'S*', '*'];
    expect(inheritEnvironment(environment, listed)).not.toHaveProperty('STANDBY_PROVISIONER_KEY');
  });
});
