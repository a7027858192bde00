// `npm start`: sets up, then runs all of posthorn until Ctrl-C.
import { setUp } from './setup.mjs';

setUp();
await import('../apps/local/dist/main.js');
