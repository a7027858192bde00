// `npm run dev`: like `npm start`, but API and dispatcher run from their sources and start again when these change.
process.env.POSTHORN_SOURCES = 'true';
await import('./start.mjs');
