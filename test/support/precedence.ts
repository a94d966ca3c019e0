// For parts that are tried alone: nothing goes first, so nothing waits.
import { systemClock } from '../../src/base/clock.ts';
import { createPrecedence, type Precedence } from '../../src/base/precedence.ts';

export const nothingFirst: Precedence = createPrecedence(systemClock);
