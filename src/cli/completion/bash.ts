// The completion script for bash.
import type { Node } from './words.ts';

export function renderBash(nodes: readonly Node[]): string {
  return `# bash completion for standby: source <(standby completion bash)
_standby() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous='' path='' word skip=0 index
  (( COMP_CWORD > 1 )) && previous=\${COMP_WORDS[COMP_CWORD-1]}
  for (( index = 1; index < COMP_CWORD; index++ )); do
    word=\${COMP_WORDS[index]}
    if (( skip )); then skip=0; continue; fi
    case "$word" in
      --url|--token) skip=1 ;;
      -*) ;;
      *) if _standby_is_path "\${path:+$path }$word"; then path="\${path:+$path }$word"; else break; fi ;;
    esac
  done
  COMPREPLY=()
  local found
  if found=$(_standby_values "$path" "$previous"); then
    [[ -n $found ]] && mapfile -t COMPREPLY < <(compgen -W "$found" -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$(_standby_words "$path" "$current")" -- "$current")
}
_standby_is_path() {
  case "$1" in
${paths(nodes)}
    *) return 1 ;;
  esac
}
# The values of an option; fails when the word before takes none.
_standby_values() {
  case "$1|$2" in
${nodes.map(values).join('')}    *) return 1 ;;
  esac
}
_standby_words() {
  case "$1" in
${nodes.map(words).join('')}  esac
}
complete -o default -F _standby standby
`;
}

function paths(nodes: readonly Node[]): string {
  const named = nodes.flatMap(({ path }) => (path === '' ? [] : [`'${path}'`]));
  return `    ${named.join('|')}) return 0 ;;`;
}

function values(node: Node): string {
  return node.options
    .filter((option) => option.takesValue)
    .map((option) => `    '${node.path}|${option.flag}') echo '${option.choices.join(' ')}' ;;\n`)
    .join('');
}

function words(node: Node): string {
  const flags = node.options.map((option) => option.flag).join(' ');
  const plain = [...node.words.map(({ word }) => word), ...node.choices].join(' ');
  return `    '${node.path}') if [[ $2 == -* ]]; then echo '${flags}'; else echo '${plain}'; fi ;;\n`;
}
