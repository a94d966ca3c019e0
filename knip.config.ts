// Dead code: unused files, exports and packages. Each exception says why it is one.
import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  entry: [
    'src/main/standby.ts',
    'src/agent/main.ts',
    'src/provisioner/drivers/process/supervisor/main.ts',
    'scripts/*.{ts,mjs}',
    'bench/*.ts',
  ],
  project: ['src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.{ts,mjs}', 'bench/**/*.ts'],
  // An interface that is exported for the one module that implements it is part of its signature.
  ignoreExportsUsedInFile: { interface: true, type: true },
};

export default config;
