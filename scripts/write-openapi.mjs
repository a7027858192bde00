// `npm run openapi`: writes docs/openapi.json from the contract.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

await setUp();
const { buildOpenApi } = await import('../packages/shared/dist/index.js');
writeFileSync(join(root, 'docs/openapi.json'), `${JSON.stringify(buildOpenApi(), undefined, 2)}\n`);
