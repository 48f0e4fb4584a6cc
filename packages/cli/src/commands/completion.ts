/** `headwater completion`: completion for shells, made from the commands that there are. */

import { type Command, Option } from 'commander';

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print completions, for: source <(headwater completion)')
    .addOption(new Option('--shell <shell>', 'which').choices(['bash', 'zsh']).default('bash'))
    .action(({ shell }: { shell: string }) => {
      console.log(`${shell === 'zsh' ? 'autoload -U bashcompinit && bashcompinit\n' : ''}${script(program)}`);
    });
}

/** One case for each command: its own commands and options. */
function script(program: Command): string {
  const cases = program.commands.map((command) => `    ${namesOf(command).join('|')}) words="${wordsOf(command)}" ;;`);
  return [
    '_headwater() {',
    '  local words',
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    `    *) words="${program.commands.flatMap(namesOf).join(' ')}" ;;`,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _headwater headwater',
  ].join('\n');
}

function namesOf(command: Command): string[] {
  return [command.name(), ...command.aliases()];
}

function wordsOf(command: Command): string {
  const options = [command, ...command.commands].flatMap((one) => one.options.map(({ long }) => long ?? ''));
  return [...new Set([...command.commands.map((one) => one.name()), ...options, '--help'])].join(' ');
}
