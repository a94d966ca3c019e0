// Has Node run our TypeScript in programs whose speed counts: `node --import …/typescript.mjs program.ts`.
import { register } from 'node:module';

// An error tells where it is in the file that was written.
process.setSourceMapsEnabled(true);
register('./typescript-hooks.mjs', import.meta.url);
