// Dead code: unused files, exports and packages. Each exception says why it is one.
import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  entry: [
    'src/main/standby.ts',
    'src/agent/main.ts',
    'src/client/index.ts',
    'examples/*.mjs',
    'src/provisioner/drivers/process/supervisor/main.ts',
    'scripts/*.{ts,mjs}',
    'bench/main.ts',
    'bench/archive/unpack.ts',
    'bench/log-flood/daemon.ts',
    // Programs that tests start as processes of their own.
    'test/support/embedded-starter.ts',
    'test/support/simulation/worker.ts',
    // What mutations put beside the setup files of tests.
    'test/support/only-named-tests.ts',
  ],
  project: [
    'src/**/*.ts',
    'test/**/*.ts',
    'scripts/**/*.{ts,mjs}',
    'bench/**/*.ts',
    'examples/*.mjs',
  ],
  // What a module exports and uses itself is not dead: schemas are named one by one for readers.
  ignoreExportsUsedInFile: true,
  // scripts/check-layers.mjs starts its program from node_modules/.bin.
  ignoreDependencies: ['dependency-cruiser'],
};

export default config;
