// The kit of a program that serves: its log as configured, and where a test set failpoints, those, with a
// watch over its transactions.
import { installFailpoints, parseFailpoints } from '../base/failpoint.ts';
import { createKit, type Kit } from '../base/kit.ts';
import { createLog } from '../base/log.ts';
import { watchTransactions } from '../base/transaction-scope.ts';
import type { Config } from '../config/config.ts';

/** The log goes to standard error, or to `logFile`. */
export function createProgramKit(config: Config, logFile?: string): Kit {
  const kit = createKit(createLog(config.logLevel, logFile));
  if (config.failpoints !== undefined) {
    kit.log.warn('failpoints.switched_on', { rules: config.failpoints });
    installFailpoints(parseFailpoints(kit.clock, config.failpoints));
    watchTransactions();
  }
  return kit;
}
