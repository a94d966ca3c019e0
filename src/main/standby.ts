// The entry of `bin/standby`: wires the command line to this process, and nothing else.
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { VERSION } from '../base/version.ts';
import { runProgram, tellFailure, type ProgramDeps } from '../cli/program.ts';
import { COMMAND_TABLE } from './command-table.ts';
import { catchInterrupts } from './interrupt.ts';
import { createProcessIo } from './process-io.ts';

const argv = process.argv.slice(2);
const deps: ProgramDeps = {
  kit: createKit(silentLog), // programs that serve make their own log, from their settings
  io: createProcessIo((error) => process.exit(tellFailure(deps, argv, error))),
  table: COMMAND_TABLE,
  environment: process.env,
  version: VERSION,
  interrupt: catchInterrupts,
};

process.exitCode = await runProgram(deps, argv);
