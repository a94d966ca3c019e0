// Runs one command line: find the command, load it, parse, run, and render a failure once.
import { toAppError, type AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import type {
  Command,
  CommandContext,
  CommandIo,
  CommandTable,
  Environment,
  ExitStatus,
} from './command.ts';
import { renderCommands, renderGroupHelp } from './help.ts';
import { findInvocation } from './invocation.ts';
import { parseArguments } from './parse.ts';
import { renderErrorJson, renderErrorText } from './render-error.ts';

export interface ProgramDeps {
  readonly kit: Kit;
  readonly io: CommandIo;
  readonly table: CommandTable;
  readonly environment: Environment;
  readonly version: string;
  interrupt(): AbortSignal;
}

/** Runs the command that `argv` (without node and script) names. Never rejects. */
export async function runProgram(deps: ProgramDeps, argv: readonly string[]): Promise<ExitStatus> {
  try {
    return await dispatch(deps, argv);
  } catch (thrown) {
    return tellFailure(deps, argv, toAppError(thrown));
  }
}

/** Writes the failure as `argv` asks for, and gives the exit status that it stands for. */
export function tellFailure(
  deps: Pick<ProgramDeps, 'io' | 'environment'>,
  argv: readonly string[],
  error: AppError,
): ExitStatus {
  deps.io.err(wantsJson(argv) ? renderErrorJson(error) : renderForPeople(deps, error));
  return error.spec.exit;
}

async function dispatch(deps: ProgramDeps, argv: readonly string[]): Promise<ExitStatus> {
  const names = Object.keys(deps.table);
  const invocation = findInvocation(names, argv);
  switch (invocation.kind) {
    case 'version':
      deps.io.out(`${deps.version}\n`);
      return 0;
    case 'help': {
      const { group } = invocation;
      deps.io.out(renderGroupHelp(group, await loadCommands(deps.table, namesIn(names, group))));
      return 0;
    }
    case 'command': {
      const [command] = await loadCommands(deps.table, [invocation.name]);
      if (command === undefined) throw new Error(`no command ${invocation.name} in the table`);
      return runCommand(deps, command, invocation.argv);
    }
  }
}

async function runCommand(
  deps: ProgramDeps,
  command: Command,
  argv: readonly string[],
): Promise<ExitStatus> {
  const parsed = parseArguments(command, argv);
  if (parsed.kind === 'help') {
    deps.io.out(parsed.text);
    // The command may be a group of others as well.
    const inside = namesIn(Object.keys(deps.table), command.name);
    if (inside.length > 0) {
      const others = await loadCommands(deps.table, inside);
      deps.io.out(`\n${renderCommands(command.name, others)}`);
    }
    return 0;
  }
  const context: CommandContext = {
    kit: deps.kit,
    io: deps.io,
    environment: deps.environment,
    globals: parsed.globals,
    interrupt: () => deps.interrupt(),
    loadCommands: () => loadCommands(deps.table, Object.keys(deps.table)),
  };
  return command.run(context, parsed.values);
}

/** The commands of a group, without the one of the group's own name; all for ''. */
function namesIn(names: readonly string[], group: string): readonly string[] {
  return group === '' ? names : names.filter((name) => name.startsWith(`${group} `));
}

async function loadCommands(
  table: CommandTable,
  names: readonly string[],
): Promise<readonly Command[]> {
  const loaders = names.flatMap((name) => table[name] ?? []);
  const modules = await Promise.all(loaders.map((load) => load()));
  return modules.map((module) => module.command);
}

/** Usage errors come before the options are parsed, and are to be read by the same program. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

function renderForPeople(deps: Pick<ProgramDeps, 'io' | 'environment'>, error: AppError): string {
  const color = deps.io.isErrTty && (deps.environment['NO_COLOR'] ?? '') === '';
  return renderErrorText(error, { color });
}
