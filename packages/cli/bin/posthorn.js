#!/usr/bin/env node
import process from 'node:process';

// Old versions of Node.js must be able to read this file.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 20 || (major === 20 && minor >= 19)) {
  void import('../dist/main.js');
} else {
  process.stderr.write(
    `posthorn needs Node.js 20.19 or newer, this is ${process.versions.node}; install a newer one.\n`,
  );
  process.exitCode = 1;
}
