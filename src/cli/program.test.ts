import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { defineCommand, type Command, type CommandTable } from './command.ts';
import { runProgram } from './program.ts';

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(commands: readonly Command[], ...argv: string[]): Promise<Ran> {
  let out = '';
  let err = '';
  const table: CommandTable = Object.fromEntries(
    commands.map((command) => [command.name, () => Promise.resolve({ command })]),
  );
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    input: () => {
      throw new Error('no input');
    },
    isOutTty: false,
    isErrTty: false,
    columns: 80,
  };
  const kit = createKit(silentLog);
  const interrupt = (): AbortSignal => new AbortController().signal;
  const deps = { kit, io, table, environment: {}, version: '1.2.3', interrupt };
  return { status: await runProgram(deps, argv), out, err };
}

function command(name: string, body: Command['run']): Command {
  return defineCommand({ name, summary: `does ${name}`, arguments: {}, options: {}, run: body });
}

const fail = (error: Error): Command => command('fail', () => Promise.reject(error));

describe('runProgram', () => {
  it('runs the named command and answers with its exit status', async () => {
    const greet = command('greet', (context) => {
      context.io.out(`json ${context.globals.json} url ${context.globals.url}\n`);
      return Promise.resolve(7);
    });
    expect(await run([greet], '--json', 'greet', '--url', 'http://x')).toEqual({
      status: 7,
      out: 'json true url http://x\n',
      err: '',
    });
  });

  it('loads only the command that was named', async () => {
    const table: CommandTable = {
      one: () => Promise.resolve({ command: command('one', () => Promise.resolve(0)) }),
      two: () => Promise.reject(new Error('loaded without need')),
    };
    const io = { out: () => undefined, err: () => undefined, input: () => process.stdin };
    const status = await runProgram(
      {
        kit: createKit(silentLog),
        io: { ...io, isOutTty: false, isErrTty: false, columns: 80 },
        table,
        environment: {},
        version: '1',
        interrupt: () => new AbortController().signal,
      },
      ['one'],
    );
    expect(status).toBe(0);
  });

  it('renders an AppError for people, with the exit status of its code', async () => {
    const error = new AppError('NOT_FOUND', { detail: 'no template "x"', hint: 'Push it first.' });
    expect(await run([fail(error)], 'fail')).toEqual({
      status: 66,
      out: '',
      err: 'error: no template "x" (NOT_FOUND)\nhint: Push it first.\n',
    });
  });

  it('lets no text of others obey or deceive the terminal', async () => {
    const error = new AppError('BUILD_FAILED', {
      detail: 'exit status 1:\n\u001b[2Jgone\u202e\nhint: nothing to do\n',
      hint: 'a\u0007b',
    });
    expect((await run([fail(error)], 'fail')).err).toBe(
      'error: exit status 1:\n  \\u{1b}[2Jgone\\u{202e}\n  hint: nothing to do (BUILD_FAILED)\n' +
        'hint: a\\u{7}b\n',
    );
  });

  it('renders an AppError as one JSON document on request', async () => {
    const error = new AppError('NOT_FOUND', { detail: 'no "x"', fields: { template: 'x' } });
    const { status, out, err } = await run([fail(error)], 'fail', '--json');
    expect({ status, out, error: JSON.parse(err) }).toEqual({
      status: 66,
      out: '',
      error: {
        code: 'NOT_FOUND',
        message: 'no "x"',
        hint: 'Check the name or id, and that you may see it.',
        details: { template: 'x' },
      },
    });
  });

  it('renders usage errors as JSON too, but not for a --json behind --', async () => {
    expect(JSON.parse((await run([], 'nope', '--json')).err)).toMatchObject({ code: 'USAGE' });
    expect((await run([], 'nope', '--', '--json')).err).toMatch(/^error: unknown command/);
  });

  it('shows where a fault of its own came from', async () => {
    const { status, err } = await run([fail(new Error('boom'))], 'fail');
    expect(status).toBe(70);
    expect(err).toMatch(/^error: boom \(INTERNAL\)\nhint: .*\nError: boom\n +at /);
  });

  it('prints the version, and help on standard output', async () => {
    const commands = [
      command('up', () => Promise.resolve(0)),
      command('pool show', () => Promise.resolve(0)),
    ];
    expect(await run(commands, '--version')).toEqual({ status: 0, out: '1.2.3\n', err: '' });
    expect((await run(commands, 'pool', '--help')).out).toContain('  show  does pool show\n');
    expect((await run(commands)).out).toMatchInlineSnapshot(`
      "Usage: standby <command> [options]

      Keeps pools of prebuilt workspaces warm.

      Commands:
        up    does up
        pool  show

      \`standby <command> --help\` tells more about one.
      "
    `);
  });

  it('shows the commands behind a command that is a group too', async () => {
    const commands = [
      command('serve', () => Promise.resolve(0)),
      command('serve key list', () => Promise.resolve(0)),
      command('serve list', () => Promise.resolve(0)),
    ];
    const help = (await run(commands, 'serve', '--help')).out;
    expect(help).toContain('Usage: standby serve [options]');
    expect(help).toMatch(/\nCommands:\n {2}key {3}list\n {2}list {2}does serve list\n/);
    expect((await run(commands, 'serve', 'list', '--help')).out).not.toContain('Commands:');
    expect((await run(commands, 'serve', 'key', '--help')).out).toContain('  list  does serve key');
  });
});
