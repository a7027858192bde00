import { Argument, type Command } from 'commander';

export function addCompletion(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
bash  add to ~/.bashrc:   source <(posthorn completion bash)
zsh   add to ~/.zshrc:    source <(posthorn completion zsh)   (after compinit)
fish  run once:           posthorn completion fish > ~/.config/fish/completions/posthorn.fish
`,
    )
    .action((shell: 'bash' | 'zsh' | 'fish') => {
      const write = { bash: formatBash, zsh: formatZsh, fish: formatFish }[shell];
      process.stdout.write(`${write(listCompletions(command.parent ?? command))}\n`);
    });
}

/** What may follow some commands, such as `posthorn queue`. */
interface Completion {
  /** The commands, such as `queue list`. */
  path: string;
  words: { word: string; help: string }[];
}

function listCompletions(command: Command, path: string[] = []): Completion[] {
  const options = [...command.options.map(({ long, description }) => ({ word: long ?? '', help: description })), help];
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const words = [
    ...command.commands.map((child) => ({ word: child.name(), help: child.description() })),
    ...choices.map((word) => ({ word, help: '' })),
  ];
  const children = command.commands.flatMap((child) => listCompletions(child, [...path, child.name()]));
  return [{ path: path.join(' '), words: [...words, ...options] }, ...children];
}

const help = { word: '--help', help: 'display help' };

/** Finds the commands before the cursor: each word that continues the path to one that has completions. */
const findCommandPath = (completions: Completion[]) => `  local command_path='' word
  for word in "\${words[@]:1:$((cword - 1))}"; do
    case " ${completions.map(({ path }) => path.replaceAll(' ', '/')).join(' ')} " in
      *" \${command_path:+$command_path/}$word "*) command_path="\${command_path:+$command_path/}$word" ;;
    esac
  done
  case "$command_path" in`;

function formatBash(completions: Completion[]): string {
  const cases = completions.map(
    ({ path, words }) => `    '${path.replaceAll(' ', '/')}') reply='${words.map(({ word }) => word).join(' ')}' ;;`,
  );
  return `_posthorn() {
  local words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD reply=''
${findCommandPath(completions)}
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$reply" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _posthorn posthorn`;
}

function formatZsh(completions: Completion[]): string {
  const cases = completions.map(({ path, words }) => {
    const described = words.map(({ word, help }) => quote(`${word.replaceAll(':', '\\:')}:${help}`));
    return `    '${path.replaceAll(' ', '/')}') reply=(${described.join(' ')}) ;;`;
  });
  return `#compdef posthorn
_posthorn() {
  local -a reply
  local cword=$((CURRENT - 1))
${findCommandPath(completions)}
${cases.join('\n')}
  esac
  _describe 'posthorn' reply || _files
}
compdef _posthorn posthorn`;
}

function formatFish(completions: Completion[]): string {
  const lines = completions.flatMap(({ path, words }) =>
    words.map(({ word, help }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c posthorn -n ${quote(`test (__posthorn_command_path) = ${quote(path)}`)} ${what} -d ${quote(help)}`;
    }),
  );
  return `function __posthorn_command_path
  set -l command_path ''
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$command_path $word")
    contains -- $longer ${completions.map(({ path }) => quote(path)).join(' ')}; and set command_path $longer
  end
  echo $command_path
end
${lines.join('\n')}`;
}

/** One word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
