import type { Command } from 'commander';
import { valuesOfArgument, valuesOfOption, type Values } from './completion-values.ts';

/** What can follow a command. */
export interface Completion {
  /** Commands from the first on, without the program itself: `issue list`. */
  readonly path: string;
  /** Commands and options. */
  readonly words: readonly { readonly word: string; readonly help: string }[];
  /** What the options take that take something. */
  readonly options: readonly { readonly option: string; readonly values: Values }[];
  /** What the arguments are, in their order. */
  readonly operands: readonly Values[];
}

/** Walks the command tree: for every command, its subcommands, options and the values of both. */
export function completionsOf(command: Command, path = ''): Completion[] {
  const help = command.createHelp();
  const commands = help
    .visibleCommands(command)
    .map((it) => ({ word: it.name(), help: it.summary() || it.description() }));
  const options = help.visibleOptions(command);
  return [
    {
      path,
      words: [
        ...commands,
        ...options.flatMap(({ long, description }) => (long ? [{ word: long, help: description }] : [])),
      ],
      options: options.flatMap((option) => {
        const values = valuesOfOption(option);
        return values && option.long ? [{ option: option.long, values }] : [];
      }),
      operands: command.registeredArguments.map((argument) => valuesOfArgument(command, argument)),
    },
    ...command.commands.flatMap((child) => completionsOf(child, `${path} ${child.name()}`.trim())),
  ];
}

/** Script for bash. */
export function bashCompletion(completions: readonly Completion[]): string {
  return `# bash completion of sidecar: source <(sidecar completion bash)
${valueFunctions(completions)}
_sidecar() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  # Bash takes --option=value for three words.
  [[ $current == '=' ]] && current=''
  local at='' option='' operand=0 word found
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == '=' ]] && continue
${walk(completions)}
  done
  if found="$(_sidecar_values "$at" "$option" "$operand" "$current")"; then :; else
    case "$at" in
${completions.map(({ path, words }) => `    '${path}') found='${words.map(({ word }) => word).join('\n')}' ;;`).join('\n')}
    esac
  fi
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$found" -- "$current")
}
complete -o default -F _sidecar sidecar
`;
}

/** Script for zsh. */
export function zshCompletion(completions: readonly Completion[]): string {
  return `#compdef sidecar
# zsh completion of sidecar: sidecar completion zsh > "\${fpath[1]}/_sidecar"
${valueFunctions(completions)}
_sidecar() {
  local at='' option='' operand=0 word values
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
${walk(completions)}
  done
  if values="$(_sidecar_values "$at" "$option" "$operand" "$words[CURRENT]")"; then
    if [[ -n $values ]]; then compadd -- \${(f)values}; else _files; fi
    return
  fi
  case "$at" in
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
  const lines = completions.flatMap(({ path, words, options, operands }) => [
    ...words.map(({ word, help }) => {
      const values = options.find(({ option }) => option === word)?.values;
      const what = word.startsWith('--')
        ? `-l ${word.slice(2)}${values ? ` -r${fishValues(values)}` : ''}`
        : `-a ${word}`;
      return `complete -c sidecar -n '__sidecar_at "${path}"' ${what} -d ${shellWord(help)}`;
    }),
    ...operands.flatMap((values, index) =>
      values.kind === 'any' ? [] : [`complete -c sidecar -n '__sidecar_at "${path}" ${index}'${fishValues(values)}`],
    ),
  ]);
  return `# fish completion of sidecar: sidecar completion fish > ~/.config/fish/completions/sidecar.fish
function __sidecar_list
  set -l column $argv[1]
  sidecar $argv[2..-1] 2>/dev/null | awk -v column=$column 'NR > 1 { print $column }'
end
function __sidecar_at
  set -l paths ${pathsOf(completions).map(shellWord).join(' ')}
  set -l takes_value ${optionsOf(completions).map(shellWord).join(' ')}
  set -l at ''
  set -l operand 0
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$at $word")
    if test $skip = 1
      set skip 0
    else if string match -q -- '-*' $word
      contains -- $longer $takes_value; and set skip 1
    else if contains -- $longer $paths
      set at $longer
    else
      set operand (math $operand + 1)
    end
  end
  test "$at" = "$argv[1]"; and begin
    test (count $argv) = 1; or test $operand = $argv[2]
  end
end
complete -c sidecar -f
${lines.join('\n')}
`;
}

function fishValues(values: Values): string {
  if (values.kind === 'words') return ` -f -a '${values.words.join(' ')}'`;
  if (values.kind === 'listed') return ` -f -a '(__sidecar_list ${values.column} ${values.by})'`;
  return values.kind === 'files' ? ' -F' : ' -f';
}

/** Functions of bash and zsh: what is known of a value. They fail where a command or an option is to come. */
function valueFunctions(completions: readonly Completion[]): string {
  const keysBy = new Map<string, string[]>();
  const note = (key: string, values: Values): void => {
    const keys = keysBy.get(printing(values)) ?? [];
    keysBy.set(printing(values), [...keys, `'${key}'`]);
  };
  for (const { path, options, operands } of completions) {
    for (const { option, values } of options) note(`${path} ${option}`.trim(), values);
    for (const [index, values] of operands.entries()) note(`${path} ${index}`, values);
  }
  return `_sidecar_list() {
  local column="$1"
  shift
  sidecar "$@" 2>/dev/null | awk -v column="$column" 'NR > 1 { print $column }'
}
_sidecar_values() {
  local key="\${2:+$1 $2}"
  [[ -z $key && $4 == -* ]] && return 1
  case "\${key:-$1 $3}" in
${[...keysBy].map(([print, keys]) => `    ${keys.join(' | ')}) ${print} ;;`).join('\n')}
    *) return 1 ;;
  esac
}`;
}

/** Prints the values a line each; nothing where files, or whatever there is, may stand. */
function printing(values: Values): string {
  if (values.kind === 'words') return `printf '%s\\n' ${values.words.map(shellWord).join(' ')}`;
  if (values.kind === 'listed') return `_sidecar_list ${values.column} ${values.by}`;
  return ':';
}

/** The body of a loop of bash and zsh over the words before the current one. */
function walk(completions: readonly Completion[]): string {
  return `    if [[ -n $option ]]; then option=''; continue; fi
    case "$at\${at:+ }$word" in
      ${optionsOf(completions).map(shellWord).join(' | ')}) option="$word" ;;
      ${pathsOf(completions).map(shellWord).join(' | ')}) at="$at\${at:+ }$word" ;;
      *) [[ $word == -* ]] || operand=$((operand + 1)) ;;
    esac`;
}

function pathsOf(completions: readonly Completion[]): string[] {
  return completions.map(({ path }) => path).filter((path) => path !== '');
}

/** Options that take a value, after the command they belong to. */
function optionsOf(completions: readonly Completion[]): string[] {
  return completions.flatMap(({ path, options }) => options.map(({ option }) => `${path} ${option}`.trim()));
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
