import { describe } from 'vitest';
import {
  createTerraformHome,
  ENDLESS_MODULE,
  FAILING_MODULE,
  worldManifest,
  WORLD_MODULE,
} from '../support/terraform-home.ts';
import { hasTool } from '../support/tool.ts';
import { describeDriver } from './driver.ts';

const MODULES: Readonly<Record<string, string>> = {
  good: WORLD_MODULE,
  failing: FAILING_MODULE,
  endless: ENDLESS_MODULE,
  refused: 'variable "region" {}\n',
};
const [good, failing, endless, refused] = Object.keys(MODULES).map((name) =>
  worldManifest({ name }),
);

describe.runIf(hasTool('terraform'))('with terraform', () => {
  if (good === undefined) throw new Error('there is a good module');
  describeDriver({
    name: 'terraform',
    manifests: { good, failing, endless, refused },
    points: { start: [], delete: [] },
    calls: { start: [], delete: [] },
    hasMachine: false,
    makesNothing: false,
    keepsState: true,
    createHome: async () => {
      const home = await createTerraformHome();
      return {
        open: () => home.open(),
        surroundings: (build) => {
          const { context } = home.attempt(build);
          return {
            folder: context.folder,
            stateFile: () => context.stateFile(),
            templateFolder: async () => {
              await home.write({ 'main.tf': MODULES[build.template.manifest.name] ?? '' });
              return context.templateFolder();
            },
          };
        },
        isUsable: async ({ url }) => {
          const disk = `${new URL(url ?? '').hostname}-disk`;
          return (await home.world()).includes(`${disk}.machine`);
        },
        remains: async () => [
          ...(await home.world()),
          ...home.working().map((pid) => `process ${pid}`),
        ],
        remove: () => home.remove(),
      };
    },
  });
});
