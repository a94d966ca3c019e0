// The completion script for fish.
import type { Node, OptionWord } from './words.ts';

export function renderFish(nodes: readonly Node[]): string {
  const named = nodes.flatMap(({ path }) => (path === '' ? [] : [quote(path)])).join(' ');
  return `# fish completion for standby: standby completion fish | source
function __standby_path
  set -l path ''
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
    else if contains -- $word --url --token
      set skip 1
    else if not string match -q -- '-*' $word
      set -l longer (string trim -- "$path $word")
      contains -- $longer ${named}; or break
      set path $longer
    end
  end
  test "$path" = "$argv[1]"
end
${nodes.map(lines).join('')}`;
}

function lines(node: Node): string {
  const when = `complete -c standby -n ${quote(`__standby_path ${quote(node.path)}`)}`;
  const words = node.words.map(
    ({ word, summary }) => `${when} -f -a ${quote(word)} -d ${quote(summary)}\n`,
  );
  const choices = node.choices.map((choice) => `${when} -f -a ${quote(choice)}\n`);
  return [...words, ...choices, ...node.options.map((option) => `${when} ${flag(option)}\n`)].join(
    '',
  );
}

function flag(option: OptionWord): string {
  const value = option.takesValue ? ' -r' : '';
  const choices = option.choices.length > 0 ? ` -f -a ${quote(option.choices.join(' '))}` : '';
  return `-l ${option.flag.slice(2)} -d ${quote(option.summary)}${value}${choices}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
