import adapter from '@sveltejs/adapter-node';

export default {
  kit: {
    adapter: adapter(),
    // Else SvelteKit answers 403 to deliveries of text, of forms and without a type, before the handler is called.
    csrf: { trustedOrigins: ['*'] },
  },
};
