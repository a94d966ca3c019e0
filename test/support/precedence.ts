// For parts that are tried alone: nothing goes first, so nothing waits.
import type { Precedence } from '../../src/base/precedence.ts';

export const nothingFirst: Precedence = {
  first: (work) => work(),
  behind: (_, work) => work(),
};
