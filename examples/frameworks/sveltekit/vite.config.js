import adapter from '@sveltejs/adapter-node';
import { sveltekit } from '@sveltejs/kit/vite';

export default {
  plugins: [
    sveltekit({
      adapter: adapter(),
      // Else SvelteKit answers 403 to deliveries of text, of forms and without a type, before the handler is called.
      csrf: { trustedOrigins: ['*'] },
    }),
  ],
};
