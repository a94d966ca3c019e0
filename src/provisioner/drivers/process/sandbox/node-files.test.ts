import { expect, it } from 'vitest';
import { nodeFiles } from './node-files.ts';

it.each([
  ['/usr/local/bin/node', ['/usr/local/bin', '/usr/local/lib/node_modules']],
  ['/home/u/.nvm/v20/bin/node', ['/home/u/.nvm/v20/bin', '/home/u/.nvm/v20/lib/node_modules']],
  ['/home/u/node', ['/home/u/node']],
  ['/srv/node', ['/srv/node']],
])('of %s a sandbox shows %j', (node, files) => {
  expect(nodeFiles(node)).toEqual(files);
});
