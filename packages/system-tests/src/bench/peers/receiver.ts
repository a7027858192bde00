// The destination of `npm run bench:peers`, in a process of its own.
import { listenForArrivals } from './arrivals.ts';

await listenForArrivals(Number(process.argv[2]));
console.log('listening');
