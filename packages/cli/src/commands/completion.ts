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
      process.stdout.write(`${write(listPlaces(command.parent ?? command))}\n`);
    });
}

/** A place on the command line, such as behind `posthorn queue`, and what may stand there. */
interface Place {
  /** The commands before it, such as `queue list`. */
  path: string;
  words: { word: string; help: string }[];
}

function listPlaces(command: Command, path: string[] = []): Place[] {
  const options = [...command.options.map(({ long, description }) => ({ word: long ?? '', help: description })), help];
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const words = [
    ...command.commands.map((child) => ({ word: child.name(), help: child.description() })),
    ...choices.map((word) => ({ word, help: '' })),
  ];
  const children = command.commands.flatMap((child) => listPlaces(child, [...path, child.name()]));
  return [{ path: path.join(' '), words: [...words, ...options] }, ...children];
}

const help = { word: '--help', help: 'display help' };

/** The commands that were written so far: the words before the cursor, for as long as they make a place. */
const findPlace = (places: Place[]) => `  local place='' word
  for word in "\${words[@]:1:$((cword - 1))}"; do
    case " ${places.map(({ path }) => path.replaceAll(' ', '/')).join(' ')} " in
      *" \${place:+$place/}$word "*) place="\${place:+$place/}$word" ;;
    esac
  done
  case "$place" in`;

function formatBash(places: Place[]): string {
  const cases = places.map(
    ({ path, words }) => `    '${path.replaceAll(' ', '/')}') reply='${words.map(({ word }) => word).join(' ')}' ;;`,
  );
  return `_posthorn() {
  local words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD reply=''
${findPlace(places)}
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$reply" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _posthorn posthorn`;
}

function formatZsh(places: Place[]): string {
  const cases = places.map(({ path, words }) => {
    const described = words.map(({ word, help }) => quote(`${word.replaceAll(':', '\\:')}:${help}`));
    return `    '${path.replaceAll(' ', '/')}') reply=(${described.join(' ')}) ;;`;
  });
  return `#compdef posthorn
_posthorn() {
  local -a reply
  local cword=$((CURRENT - 1))
${findPlace(places)}
${cases.join('\n')}
  esac
  _describe 'posthorn' reply || _files
}
compdef _posthorn posthorn`;
}

function formatFish(places: Place[]): string {
  const lines = places.flatMap(({ path, words }) =>
    words.map(({ word, help }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c posthorn -n ${quote(`test (__posthorn_place) = ${quote(path)}`)} ${what} -d ${quote(help)}`;
    }),
  );
  return `function __posthorn_place
  set -l place ''
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$place $word")
    contains -- $longer ${places.map(({ path }) => quote(path)).join(' ')}; and set place $longer
  end
  echo $place
end
${lines.join('\n')}`;
}

/** One word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
