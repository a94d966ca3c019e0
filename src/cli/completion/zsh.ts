// The completion script for zsh.
import type { Node, OptionWord } from './words.ts';

export function renderZsh(nodes: readonly Node[]): string {
  return `#compdef standby
# zsh completion for standby: source <(standby completion zsh)
_standby() {
  local standby_path='' word skip=0 index previous=\${words[CURRENT-1]}
  local -a offered
  for (( index = 2; index < CURRENT; index++ )); do
    word=\${words[index]}
    if (( skip )); then skip=0; continue; fi
    case "$word" in
      --url|--token) skip=1 ;;
      -*) ;;
      *) if _standby_is_path "\${standby_path:+$standby_path }$word"; then standby_path="\${standby_path:+$standby_path }$word"; else break; fi ;;
    esac
  done
  case "$standby_path|$previous" in
${nodes.flatMap((node) => node.options.filter(takesValue).map((option) => values(node, option))).join('')}  esac
  case "$standby_path" in
${nodes.map(words).join('')}  esac
}
_standby_is_path() {
  case "$1" in
    ${nodes.flatMap(({ path }) => (path === '' ? [] : [`'${path}'`])).join('|')}) return 0 ;;
    *) return 1 ;;
  esac
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then _standby "$@"; else compdef _standby standby; fi
`;
}

function takesValue(option: OptionWord): boolean {
  return option.takesValue;
}

function values(node: Node, option: OptionWord): string {
  const action =
    option.choices.length === 0 ? '_files' : `compadd -- ${option.choices.map(quote).join(' ')}`;
  return `    ${quote(`${node.path}|${option.flag}`)}) ${action}; return ;;\n`;
}

function words(node: Node): string {
  const described = (word: string, summary: string): string =>
    quote(`${word}:${summary.replaceAll(':', '\\:')}`);
  const flags = node.options.map(({ flag, summary }) => described(flag, summary)).join(' ');
  const plain = node.words.map(({ word, summary }) => described(word, summary)).join(' ');
  const other =
    node.choices.length > 0 ? `compadd -- ${node.choices.map(quote).join(' ')}` : '_files';
  const offer = node.words.length > 0 ? `offered=(${plain}); _describe command offered` : other;
  return `    ${quote(node.path)}) if [[ $PREFIX == -* ]]; then offered=(${flags}); _describe option offered; else ${offer}; fi ;;\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
