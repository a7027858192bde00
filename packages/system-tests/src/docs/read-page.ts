import { spawnSync } from 'node:child_process';

/** A command of a page, as it can be given to a shell, and what the page says it prints. */
export interface Command {
  text: string;
  /** Lines; `undefined` when the page shows none. */
  printed?: string[] | undefined;
  /** In a page, counted from 1. */
  line: number;
}

/** A fenced block of commands. */
export interface Block {
  line: number;
  commands: Command[];
  /** Why it is not run here: what it needs that is not there. */
  notRun?: string | undefined;
}

/**
 * Reads the blocks of a page that are marked `sh` or `console`.
 *
 * In `sh`, a comment that begins with `{`, `[` or `prints` behind a command says what that prints. In `console`, a
 * command begins with `$ `, and what follows it is printed. `not run: <reason>` behind the language says that the block
 * needs something else than a running posthorn.
 */
export function readPage(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(sh|console)(?: not run: (.+))?\n([^]*?)^```$/gm)].map((match) => {
    const [, language, notRun, text = ''] = match;
    const line = markdown.slice(0, match.index).split('\n').length;
    const lines = text.split('\n').slice(0, -1);
    const commands = notRun ? [] : language === 'sh' ? readScript(lines) : readSession(lines);
    return { line, notRun, commands: commands.map((each) => ({ ...each, line: line + each.line })) };
  });
}

function readScript(lines: string[]): Command[] {
  const commands: Command[] = [];
  let open: Command | undefined;
  lines.forEach((line, index) => {
    const printed = /^# (?:prints )?(.*)$/.exec(line)?.[1];
    const last = commands.at(-1);
    if (open) open.text += `\n${line}`;
    else if (printed !== undefined) {
      const isPrinted = line.startsWith('# prints ') || /^[{[]/.test(printed);
      if (isPrinted && last) last.printed = [...(last.printed ?? []), printed];
      return;
    } else if (line.trim() !== '') open = { text: line, line: index + 1 };
    if (open && isComplete(open.text)) {
      commands.push(open);
      open = undefined;
    }
  });
  if (open) throw new Error(`This command has no end: ${open.text}`);
  return commands;
}

function readSession(lines: string[]): Command[] {
  const commands: Command[] = [];
  lines.forEach((line, index) => {
    if (line.startsWith('$ ')) commands.push({ text: line.slice(2), printed: [], line: index + 1 });
    else if (line.trim() !== '') commands.at(-1)?.printed?.push(line);
  });
  return commands.map((command) => (command.printed?.length ? command : { ...command, printed: undefined }));
}

/** Whether a shell can run it, or waits for more. */
function isComplete(text: string): boolean {
  return !text.endsWith('\\') && spawnSync('bash', ['-n', '-c', text]).status === 0;
}
