// The compiler leaves Lua files behind; the built package needs them where the sources have them.
import { cpSync } from 'node:fs';

for (const folder of ['engine/redis/scripts/', 'workflows/scripts/']) {
  cpSync(new URL(`../src/${folder}`, import.meta.url), new URL(`../dist/${folder}`, import.meta.url), {
    recursive: true,
    filter: (path) => !path.endsWith('.ts'),
  });
}
