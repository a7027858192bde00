// Everything else is loaded once the version is known: an old Node.js cannot even read it.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`posthorn needs Node.js 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}
void import('./start.ts');
