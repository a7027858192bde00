const codes = { dim: 2, red: 31, green: 32, yellow: 33, blue: 34 };
export type Style = keyof typeof codes;
/** Colours a text, or leaves it as it is. */
export type Paint = (style: Style | undefined, text: string) => string;

export function createPaint(isColoured: boolean): Paint {
  return (style, text) => (isColoured && style && text ? `\x1b[${codes[style]}m${text}\x1b[0m` : text);
}
