/** Whether what a user owns is safe for this one to run or to believe: root's and their own. Windows has no such owners. */
export function isTrustedOwner(uid: number, user = process.getuid?.()): boolean {
  return user === undefined || uid === user || uid === 0;
}
