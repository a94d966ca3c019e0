// Has Node run our TypeScript in programs whose speed counts: `node --import …/typescript.mjs program.ts`.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
