import { PosthornError } from '@posthorn/shared';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { readConsoleFiles, type ConsoleFile } from './files.ts';
import { sessionRoutes, type SessionParts } from './session-routes.ts';

/** Nothing but what this server sends, and no text that becomes code or markup. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const secure: RequestHandler = (_request, response, next) => {
  response.setHeader('Content-Security-Policy', policy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
  next();
};

/**
 * The console: static files below `/console/`, which need no token, and its sessions. A path that is no file is a page of
 * the console; the page itself says when there is none.
 */
export function consoleRoutes(parts: SessionParts, files = readConsoleFiles()): Router {
  const router = Router();
  router.use(secure);
  router.use(sessionRoutes(parts));
  router.use((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      throw new PosthornError('method_not_allowed', `${request.method} is not possible here: use GET.`);
    }
    const name = request.path.slice(1);
    const file = files.get(name) ?? (isPage(name) ? files.get('index.html') : undefined);
    if (!file) {
      const text = files.size === 0 ? 'The console is not built; run npm start.' : 'The console has no such file.';
      throw new PosthornError('not_found', text);
    }
    setCaching(response, file);
    if (request.fresh) response.status(304).end();
    else sendFile(request, response, file);
  });
  return router;
}

/** Whether a path may be that of a page: it is no part of the build, and no attempt to leave the folder. */
function isPage(name: string): boolean {
  if (name.startsWith('assets/')) return false;
  try {
    return !decodeURIComponent(name)
      .split(/[/\\]/)
      .some((part) => part === '.' || part === '..');
  } catch {
    return false;
  }
}

/** Sends browsers that ask for the server itself, or for the console without its slash, to the console. */
export const redirectToConsole: RequestHandler = (request, response, next) => {
  const isPage = request.path === '/' && request.method === 'GET' && /\btext\/html\b/.test(request.get('accept') ?? '');
  if (isPage || request.originalUrl.replace(/\?.*$/s, '') === '/console') response.redirect(302, '/console/');
  else next();
};

function setCaching(response: Response, { etag, isImmutable }: ConsoleFile): void {
  response.setHeader('ETag', etag);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('Cache-Control', isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache');
}

function sendFile(request: Request, response: Response, file: ConsoleFile): void {
  const encoding = (['br', 'gzip'] as const).find((one) => file[one] && request.acceptsEncodings(one));
  const body = (encoding && file[encoding]) ?? file.plain;
  response.setHeader('Content-Type', file.type);
  if (encoding) response.setHeader('Content-Encoding', encoding);
  response.setHeader('Content-Length', body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}
