/**
 * Ends a process that runs on a Node.js that is too old. A program imports this first and everything else once it has
 * run: an old Node.js cannot even parse the rest.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`posthorn needs Node.js 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}
export {};
