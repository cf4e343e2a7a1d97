import type { Command } from 'commander';

/** What can follow a command. */
export interface Completion {
  /** Commands from the first on, without the program itself: `issue list`. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly help: string }[];
}

/** Walks the command tree: for every command, its subcommands, options and the choices of its arguments. */
export function completionsOf(command: Command, path = ''): Completion[] {
  const help = command.createHelp();
  const commands = help
    .visibleCommands(command)
    .map((it) => ({ word: it.name(), help: it.summary() || it.description() }));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const options = help
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ word: long, help: description }] : []));
  return [
    { path, words: [...commands, ...choices.map((word) => ({ word, help: '' })), ...options] },
    ...command.commands.flatMap((child) => completionsOf(child, `${path} ${child.name()}`.trim())),
  ];
}

/** Script for bash. */
export function bashCompletion(completions: readonly Completion[]): string {
  return `# bash completion of sidecar: source <(sidecar completion bash)
_sidecar() {
  local path='' word
  local i=1
  while ((i < COMP_CWORD)); do
    word="\${COMP_WORDS[i]}"
    case "$path\${path:+ }$word" in
      ${pathsOf(completions)}) path="$path\${path:+ }$word" ;;
    esac
    i=$((i + 1))
  done
  local words=''
  case "$path" in
${completions.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _sidecar sidecar
`;
}

/** Script for zsh. */
export function zshCompletion(completions: readonly Completion[]): string {
  return `#compdef sidecar
# zsh completion of sidecar: sidecar completion zsh > "\${fpath[1]}/_sidecar"
_sidecar() {
  local path_so_far='' word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$path_so_far\${path_so_far:+ }$word" in
      ${pathsOf(completions)}) path_so_far="$path_so_far\${path_so_far:+ }$word" ;;
    esac
  done
  case "$path_so_far" in
${completions
  .map(
    ({ path, words }) =>
      `    '${path}') found=(${words.map(({ word, help }) => shellWord(`${word}:${help.replaceAll(':', '\\:')}`)).join(' ')}) ;;`,
  )
  .join('\n')}
  esac
  _describe -t commands sidecar found || _files
}
if [ "$funcstack[1]" = "_sidecar" ]; then _sidecar "$@"; else compdef _sidecar sidecar; fi
`;
}

/** Script for fish. */
export function fishCompletion(completions: readonly Completion[]): string {
  const lines = completions.flatMap(({ path, words }) =>
    words.map(({ word, help }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c sidecar -n '__sidecar_at "${path}"' ${what} -d ${shellWord(help)}`;
    }),
  );
  const paths = completions.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  return `# fish completion of sidecar: sidecar completion fish > ~/.config/fish/completions/sidecar.fish
function __sidecar_at
  set -l paths ${paths.join(' ')}
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$path $word")
    contains -- $longer $paths; and set path $longer
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function pathsOf(completions: readonly Completion[]): string {
  return completions
    .filter(({ path }) => path !== '')
    .map(({ path }) => `'${path}'`)
    .join(' | ');
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
