import { describe, expect, it } from 'vitest';
import { describeWaiting, type WaitingFacts } from './waiting-reason.ts';

const NOBODY: WaitingFacts = {
  driver: 'terraform',
  tags: {},
  machineId: null,
  minProtocolVersion: 1,
  outdatedDaemons: [],
  fittingDaemonSeen: false,
  machineSeen: false,
};

describe('why a pending job does not start', () => {
  it.each<readonly [Partial<WaitingFacts>, string | null]>([
    [{ fittingDaemonSeen: true }, null],
    [{ fittingDaemonSeen: true, machineId: 'm', machineSeen: true }, null],
    [{}, 'no_provisioner: no daemon offers driver "terraform"'],
    [
      { tags: { zone: 'eu', gpu: 'yes' } },
      'no_provisioner: no daemon offers driver "terraform" with tags gpu=yes, zone=eu',
    ],
    [
      { machineId: 'm' },
      'machine_gone: only machine "m" can do it, and no daemon there was seen for a minute',
    ],
    [
      { machineId: 'm', machineSeen: true },
      'no_provisioner: no daemon on machine "m" offers driver "terraform"',
    ],
    [
      { minProtocolVersion: 2 },
      'no_provisioner: no daemon that can keep sensitive parameters secret (protocol version 2) offers driver "terraform"',
    ],
    [
      { minProtocolVersion: 3 },
      'no_provisioner: no daemon that can rehearse claims (protocol version 3) offers driver "terraform"',
    ],
    [
      {
        minProtocolVersion: 4,
        outdatedDaemons: ['a', 'b', 'c', 'd'].map((name) => ({ name, protocolVersion: 3 })),
      },
      'no_provisioner: no daemon that can keep the sandbox and the limits of a template (protocol version 4) offers driver "terraform"; too old: "a" (protocol version 3), "b" (protocol version 3), "c" (protocol version 3), 1 more: upgrade to the release of the control plane',
    ],
  ])('%o', (facts, reason) => {
    expect(describeWaiting({ ...NOBODY, ...facts })).toBe(reason);
  });
});
