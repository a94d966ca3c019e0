import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createNullDriver } from '../../src/provisioner/drivers/null/driver.ts';
import { sampleManifest } from '../support/manifest.ts';
import { describeDriver, surroundingsWith } from './driver.ts';

describeDriver({
  name: 'null',
  manifests: {
    good: sampleManifest(),
    failing: sampleManifest({ null: { start_seconds: 0, start_error: 'no luck' } }),
    endless: sampleManifest({ null: { start_seconds: 3_600, start_error: null } }),
    refused: undefined,
  },
  points: { start: [], delete: [] },
  calls: { start: [], delete: [] },
  hasMachine: false,
  makesNothing: true,
  keepsState: false,
  createHome: async () => ({
    open: () => createNullDriver(createKit(silentLog)),
    surroundings: () =>
      surroundingsWith(() => Promise.reject(new Error('the null driver needs no files'))),
    isUsable: async () => true,
    remains: async () => [],
    remove: async () => undefined,
  }),
});
