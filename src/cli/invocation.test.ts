import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import { findInvocation } from './invocation.ts';

const NAMES = ['up', 'template push', 'template list', 'pool show'];
const BOTH = ['provisioner', 'provisioner key create', 'provisioner list'];
const findIn = (names: readonly string[], ...argv: string[]): unknown =>
  findInvocation(names, argv);
const find = (...argv: string[]): unknown => findIn(NAMES, ...argv);
const refusal = (...argv: string[]): string => refusalIn(NAMES, ...argv);
const refusalIn = (names: readonly string[], ...argv: string[]): string => {
  try {
    findIn(names, ...argv);
  } catch (error) {
    if (error instanceof AppError) return `${error.code} ${error.detail} | ${error.hint}`;
  }
  return 'accepted';
};

describe('findInvocation', () => {
  it('finds a command of one or two words and leaves the rest to it', () => {
    expect(find('up')).toEqual({ kind: 'command', name: 'up', argv: [] });
    expect(find('template', 'push', 'folder', '--json')).toEqual({
      kind: 'command',
      name: 'template push',
      argv: ['folder', '--json'],
    });
  });

  it('passes on global options that stand before or between the words', () => {
    expect(find('--json', 'template', '--url', 'http://x', 'push', 'a')).toEqual({
      kind: 'command',
      name: 'template push',
      argv: ['--json', '--url', 'http://x', 'a'],
    });
    expect(find('--token=up', 'pool', 'show')).toMatchObject({ argv: ['--token=up'] });
  });

  it('shows help for the program, for a group, and leaves a command to show its own', () => {
    expect(find()).toEqual({ kind: 'help', group: '' });
    expect(find('--json', '-h')).toEqual({ kind: 'help', group: '' });
    expect(find('template', '--help')).toEqual({ kind: 'help', group: 'template' });
    expect(find('help', 'template')).toEqual({ kind: 'help', group: 'template' });
    expect(find('help', 'up')).toEqual({ kind: 'command', name: 'up', argv: ['--help'] });
  });

  it('knows --version only before a command', () => {
    expect(find('--version')).toEqual({ kind: 'version' });
    expect(find('-V')).toEqual({ kind: 'version' });
    expect(refusal('template', '--version')).toBe(
      'USAGE unknown option "--version" before a word of "standby template" | See `standby --help`.',
    );
  });

  it('refuses an unknown word and names the nearest one', () => {
    expect(refusal('templat')).toBe(
      'USAGE unknown command "standby templat" | Did you mean "template"? See `standby --help`.',
    );
    expect(refusal('template', 'psuh')).toBe(
      'USAGE unknown command "standby template psuh" | Did you mean "push"? See `standby template --help`.',
    );
    expect(refusal('frobnicate')).toBe(
      'USAGE unknown command "standby frobnicate" | See `standby --help`.',
    );
  });

  it('goes on behind a command that is a group too, when a further word follows', () => {
    expect(findIn(BOTH, 'provisioner', '--tags', 'list')).toEqual({
      kind: 'command',
      name: 'provisioner',
      argv: ['--tags', 'list'],
    });
    expect(findIn(BOTH, 'provisioner')).toMatchObject({ name: 'provisioner', argv: [] });
    expect(findIn(BOTH, 'provisioner', '--help')).toMatchObject({ argv: ['--help'] });
    expect(findIn(BOTH, 'help', 'provisioner')).toMatchObject({ argv: ['--help'] });
    expect(findIn(BOTH, 'provisioner', '--url', 'list', '--json', 'list', 'x')).toEqual({
      kind: 'command',
      name: 'provisioner list',
      argv: ['--url', 'list', '--json', 'x'],
    });
    expect(findIn(BOTH, 'provisioner', 'key', 'create', 'a')).toMatchObject({
      name: 'provisioner key create',
      argv: ['a'],
    });
    expect(findIn(BOTH, 'provisioner', 'key', '-h')).toEqual({
      kind: 'help',
      group: 'provisioner key',
    });
  });

  it('takes an unknown word behind such a command for a mistyped one', () => {
    expect(refusalIn(BOTH, 'provisioner', 'lst')).toBe(
      'USAGE unknown command "standby provisioner lst" | Did you mean "list"? See `standby provisioner --help`.',
    );
    expect(refusalIn(BOTH, 'provisioner', 'key')).toBe(
      'USAGE "standby provisioner key" needs a further word: create | See `standby provisioner key --help`.',
    );
  });

  it('refuses a group without a command, an empty word and an unknown option', () => {
    expect(refusal('template')).toBe(
      'USAGE "standby template" needs a further word: push, list | See `standby template --help`.',
    );
    expect(refusal('')).toBe('USAGE unknown command "standby " | See `standby --help`.');
    expect(refusal('--json', '--url')).toBe(
      'USAGE option "--url" needs a value | See `standby --help`.',
    );
    expect(refusal('--jsom', 'up')).toBe(
      'USAGE unknown option "--jsom" before a command | See `standby --help`.',
    );
  });
});
