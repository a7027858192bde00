import node from '@astrojs/node';
import { defineConfig } from 'astro/config';

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'standalone' }),
  // Else Astro answers 403 to deliveries of text, of forms and without a type, before the handler is called.
  security: { checkOrigin: false },
});
