/**
 * Whether URL parsers would make another destination of this one in a path: they read `\` as `/`, leave out control
 * characters and blanks at the end, and resolve segments of dots.
 */
export function isChangedInPath(destination: string): boolean {
  return /[\\\p{Cc}]|^([^?#]*\/)?(\.|%2e){1,2}([/?#]| *$)/iu.test(destination);
}

/**
 * A destination as the path of a request has it: not encoded, unless a URL parser would make another one of it. With
 * `https://a.example/../b.example` a request would name `b.example`, and `../keys/rotate` would rotate the signing keys.
 * Encoded as a whole, a URL arrives as it is (contract P2).
 */
export function formatDestination(destination: string): string {
  return isChangedInPath(destination) ? encodeURIComponent(destination) : destination;
}
