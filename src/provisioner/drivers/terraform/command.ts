// Runs one command of Terraform in a module's folder: heard line by line, stopped gently, its
// failure an error that says what Terraform said.
import { AppError } from '../../../base/app-error.ts';
import type { Clock } from '../../../base/clock.ts';
import type { DriverContext } from '../../driver.ts';
import { runTool, type Patience, type ToolEnd } from '../../tool/run-tool.ts';
import { describeDiagnostics, type Diagnostic } from './diagnostic.ts';
import { parseEvent, type TerraformEvent } from './event.ts';

/** Where and how commands run: the same for all of one attempt. */
export interface CommandDeps {
  readonly clock: Clock;
  /** The program. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The module's. */
  readonly folder: string;
  /** The attempt's. */
  readonly outputFolder: string;
  readonly signal: AbortSignal;
  /** Without secrets, as `redact` makes it for texts that go elsewhere. */
  readonly log: DriverContext['log'];
  readonly redact: (text: string) => string;
  readonly patience: Patience | undefined;
}

/** Runs a command with `-json` that writes events. Throws BUILD_FAILED, or the signal's reason. */
export async function runCommand(
  deps: CommandDeps,
  args: readonly string[],
  onEvent: (event: TerraformEvent) => void,
): Promise<void> {
  const errors: Diagnostic[] = [];
  const { end, text } = await run(deps, args, (line) => {
    const event = parseEvent(line);
    if (event === undefined) return false;
    if (event.diagnostic?.severity === 'error') errors.push(event.diagnostic);
    onEvent(event);
    return true;
  });
  if (end.exitCode === 0) return;
  deps.signal.throwIfAborted();
  // A place in the module's files: that is the template's fault, and nobody else's.
  const isTemplates = args[0] === 'init' && errors.some(({ range }) => range !== undefined);
  if (isTemplates) throw refused(deps, errors);
  throw failed(deps, args, describeDiagnostics(errors) || text);
}

/** Runs a command that answers with one document, and gives that, well or not. */
export async function askCommand(deps: CommandDeps, args: readonly string[]): Promise<string> {
  const answer: string[] = [];
  const { text } = await run(deps, args, (line) => answer.push(line) > 0);
  deps.signal.throwIfAborted();
  if (answer.length === 0) throw failed(deps, args, text);
  return answer.join('\n');
}

interface Output {
  readonly end: ToolEnd;
  /** What was said in plain text, the last of it, and how it ended. */
  readonly text: string;
}

const MAX_TEXT_LINES = 20;

/** Lines that `take` does not take are plain text: they go to the log. */
async function run(
  deps: CommandDeps,
  args: readonly string[],
  take: (line: string) => boolean,
): Promise<Output> {
  const plain: string[] = [];
  const end = await runTool(deps.clock, {
    file: deps.file,
    args,
    cwd: deps.folder,
    environment: deps.environment,
    outputFolder: deps.outputFolder,
    signal: deps.signal,
    patience: deps.patience,
    onLine: (stream, line) => {
      if ((stream === 'stdout' && take(line)) || line.trim() === '') return;
      plain.push(line);
      if (plain.length > MAX_TEXT_LINES) plain.shift();
      deps.log(stream === 'stderr' ? 'warn' : 'debug', line);
    },
  });
  tellUncleanEnd(deps, args, end);
  const status = end.exitCode === null ? 'killed by a signal' : `exit status ${end.exitCode}`;
  return { end, text: [...plain, status].join('\n') };
}

/** What was left running is told; where something may be lost or lives on, the attempt fails. */
function tellUncleanEnd(deps: CommandDeps, args: readonly string[], end: ToolEnd): void {
  if (end.unending !== null) {
    throw failed(deps, args, `the processes of group ${end.unending} cannot be ended`);
  }
  if (end.forced) {
    const lost = 'what it was making then may exist without being in the state';
    throw failed(deps, args, `it did not end when it was interrupted, and was forced to; ${lost}`);
  }
  if (end.leftBehind) {
    deps.log('warn', 'programs it had started were still running and have been ended');
  }
}

/** The template's own errors: they may quote what it was given. */
export function refused(
  { redact }: Pick<CommandDeps, 'redact'>,
  errors: readonly Diagnostic[],
): AppError {
  return new AppError('TEMPLATE_REFUSED', redact(describeDiagnostics(errors)));
}

function failed({ file, redact }: CommandDeps, args: readonly string[], why: string): AppError {
  return new AppError('BUILD_FAILED', redact(`${file} ${args[0] ?? ''} failed: ${why}`));
}
