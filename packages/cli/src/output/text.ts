/** Columns of a terminal that a text takes. */
export function measureWidth(text: string): number {
  if (isPlain.test(text)) return text.length;
  return splitCharacters(text).reduce((width, character) => width + measureCharacter(character), 0);
}

export function padToWidth(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - measureWidth(text)));
}

/** Such as `1 message` or `2 messages`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Text from elsewhere as it may be shown: it must not steer the terminal. */
export function disarm(text: string): string {
  return text.replace(controls, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** JSON as it may be shown: with the characters escaped that would steer the terminal. It means the same. */
export function disarmJson(json: string): string {
  return json.replace(rawControls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const isPlain = /^[ -~]*$/;
/** All but the tab and the line feed; and what turns the direction of text around. */
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Those of them that JSON has without an escape. */
const rawControls = /[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const isWide =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

function measureCharacter(character: string): number {
  return isWide.test(character) ? 2 : 1;
}

/** Characters as a person sees them: with their accents and modifiers. */
function splitCharacters(text: string): string[] {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
