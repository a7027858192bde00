// The compiler leaves Lua files behind; the built package needs them beside scripts.js.
import { cpSync } from 'node:fs';

cpSync(
  new URL('../src/engine/redis/scripts/', import.meta.url),
  new URL('../dist/engine/redis/scripts/', import.meta.url),
  {
    recursive: true,
    filter: (path) => !path.endsWith('.ts'),
  },
);
