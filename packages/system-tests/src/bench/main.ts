// `npm run bench [-- --in-flight 32 | --rate 100]`: what a message costs, beside the least that its parts could cost,
// measured in the same run: as fast as it goes, or at a steady rate. `--apis 2 --dispatchers 2` gives posthorn, not the
// floor, so many processes.
import { parseArgs } from 'node:util';
import { startContenders } from './contenders.ts';
import { benchSaturated } from './saturated.ts';
import { benchSteady } from './steady.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string' },
    'in-flight': { type: 'string' },
    apis: { type: 'string', default: '1' },
    dispatchers: { type: 'string', default: '1' },
  },
});
const contenders = await startContenders({ apis: values.apis, dispatchers: values.dispatchers });
try {
  if (values.rate === undefined) await benchSaturated(contenders, Number(values['in-flight'] ?? 100));
  else await benchSteady(contenders, Number(values.rate));
} finally {
  await contenders.end();
}
