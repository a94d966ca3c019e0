import { afterAll, beforeAll, describe } from 'vitest';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import { sampleManifest } from '../support/manifest.ts';
import { createProcessHome, processManifest } from '../support/process-home.ts';
import { buildPrograms, type Programs } from '../support/programs.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';
import { describeDriver, surroundingsWith } from './driver.ts';

let programs: Programs;

beforeAll(async () => {
  programs = await buildPrograms();
});
afterAll(() => programs.remove());

const withoutSettings = sampleManifest({ driver: 'process', null: null });

const plain = processManifest();

function describeProcessDriver(good: Manifest): void {
  describeDriver({
    name: 'process',
    manifests: {
      good,
      failing: withoutSettings,
      endless: undefined,
      refused: withoutSettings,
    },
    points: {
      start: ['process.start.recorded', 'process.start.spawned'],
      delete: ['process.remove.recorded', 'process.remove.ended'],
    },
    calls: { start: [], delete: [] },
    hasMachine: true,
    makesNothing: false,
    keepsState: false,
    createHome: async () => {
      const home = await createProcessHome(programs);
      return {
        ...home,
        surroundings: () => surroundingsWith(() => home.templateFolder()),
        isUsable: ({ url }) => until(async () => (await fetch(url ?? '')).ok),
      };
    },
  });
}

describe('as it is', () => describeProcessDriver(plain));

describe.skipIf(!hasTool('bwrap'))('in a sandbox', () => {
  describeProcessDriver({
    ...plain,
    process: plain.process === null ? null : { ...plain.process, sandbox: 'bubblewrap' },
  });
});
