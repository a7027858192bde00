// `pnpm dev`: like `npm start`, but API and dispatcher run from their sources and start again when these change.
import { setUp } from './setup.mjs';

setUp();
process.env.POSTHORN_SOURCES = 'true';
process.env.NODE_OPTIONS = [process.env.NODE_OPTIONS, '--disable-warning=ExperimentalWarning']
  .filter(Boolean)
  .join(' ');
await import('../apps/local/dist/main.js');
