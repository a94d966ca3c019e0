import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { defineCommand } from '../../src/cli/command.ts';
import { renderBash } from '../../src/cli/completion/bash.ts';
import { renderFish } from '../../src/cli/completion/fish.ts';
import { renderZsh } from '../../src/cli/completion/zsh.ts';
import { listNodes } from '../../src/cli/completion/words.ts';
import { hasTool } from '../support/tool.ts';

const run = (): Promise<number> => Promise.resolve(0);
const nodes = listNodes([
  defineCommand({
    name: 'template push',
    summary: "push a folder: it's checked",
    arguments: { folder: { summary: 'the folder' } },
    options: {
      onEmpty: { kind: 'text', value: 'X', summary: 'what', choices: ['create', 'fail'] },
      name: { kind: 'text', value: 'X', summary: 'a name' },
    },
    run,
  }),
  defineCommand({ name: 'template list', summary: 'list', arguments: {}, options: {}, run }),
  defineCommand({
    name: 'completion',
    summary: 'print',
    arguments: { shell: { summary: 'it', choices: ['bash', 'zsh'] } },
    options: {},
    run,
  }),
  defineCommand({
    name: 'serve',
    summary: 'serve',
    arguments: {},
    options: { slots: { kind: 'integer', value: 'N', summary: 'how many' } },
    run,
  }),
  defineCommand({ name: 'serve list', summary: 'list', arguments: {}, options: {}, run }),
]);

type Shell = 'bash' | 'zsh' | 'fish';

/** What the shell would offer for the last of `words`. */
function offered(shell: Shell, ...words: readonly string[]): readonly string[] {
  const out = execFileSync(shell, [...ASK[shell](words)], { encoding: 'utf8' });
  return out.split('\n').filter((line) => line !== '');
}

const ASK: Readonly<Record<Shell, (words: readonly string[]) => readonly string[]>> = {
  bash: (words) => {
    const ask = `COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _standby; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return ['-c', `${renderBash(nodes)}\n${ask}`, 'bash', 'standby', ...words];
  },
  // The functions of zsh's completion system, reduced to what they would add for the prefix.
  zsh: (words) => {
    const system = `compdef() { :; }; _files() { :; }
compadd() { shift; print -l -- \${(M)@:#$PREFIX*}; }
_describe() { local -a list=(\${\${(P)2}%%:*}); print -l -- \${(M)list:#$PREFIX*}; }`;
    const ask = 'words=("$@"); CURRENT=$#; PREFIX=$words[CURRENT]; _standby';
    return ['-f', '-c', `${system}\n${renderZsh(nodes)}\n${ask}`, 'zsh', 'standby', ...words];
  },
  fish: (words) => {
    const ask = `complete -C '${['standby', ...words].join(' ')}' | string replace -r '\\t.*' ''; true`;
    return ['--no-config', '-c', `${renderFish(nodes)}\n${ask}`];
  },
};

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

describe.each(SHELLS)('the %s completion', (shell) => {
  const available = hasTool(shell);

  it.runIf(available)('offers the words that may come next', () => {
    expect(new Set(offered(shell, ''))).toEqual(new Set(['template', 'completion', 'serve']));
    expect(offered(shell, 'te')).toEqual(['template']);
    expect(new Set(offered(shell, 'template', ''))).toEqual(new Set(['push', 'list']));
    expect(offered(shell, '--url', 'template', 'template', 'p')).toEqual(['push']);
  });

  it.runIf(available)('offers options, and their values', () => {
    expect(offered(shell, 'template', 'push', '--o')).toEqual(['--on-empty']);
    expect(offered(shell, 'template', 'push', '--on-empty', '')).toEqual(['create', 'fail']);
    expect(offered(shell, 'template', 'push', 'folder', '--on-empty', 'f')).toEqual(['fail']);
    expect(new Set(offered(shell, 'template', 'list', '--'))).toEqual(
      new Set(['--json', '--url', '--token', '--help']),
    );
  });

  it.runIf(available)('offers words and options of a command that is a group too', () => {
    expect(offered(shell, 'serve', '')).toEqual(['list']);
    expect(offered(shell, 'serve', '--s')).toEqual(['--slots']);
    expect(offered(shell, 'serve', 'list', '--s')).toEqual([]);
  });

  it.runIf(available)('offers the values of an argument', () => {
    expect(offered(shell, 'completion', '')).toEqual(['bash', 'zsh']);
  });
});
