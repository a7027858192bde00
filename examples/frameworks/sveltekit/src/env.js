import { defineEnvVars } from '@sveltejs/kit/env';

// They are read when the application starts; a build goes without them.
export const variables = defineEnvVars({
  QSTASH_CURRENT_SIGNING_KEY: { schema: (value) => value },
  QSTASH_NEXT_SIGNING_KEY: { schema: (value) => value },
});
