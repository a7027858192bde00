import '@posthorn/process/require-node';

// Everything else is loaded once the version is known: an old Node.js cannot even read it.
void import('./start.ts');
