import { afterAll, beforeAll } from 'vitest';
import { sampleManifest } from '../support/manifest.ts';
import { createProcessHome, processManifest } from '../support/process-home.ts';
import { buildPrograms, type Programs } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { describeDriver, surroundingsWith } from './driver.ts';

let programs: Programs;

beforeAll(async () => {
  programs = await buildPrograms();
});
afterAll(() => programs.remove());

const withoutSettings = sampleManifest({ driver: 'process', null: null });

describeDriver({
  name: 'process',
  manifests: {
    good: processManifest(),
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
