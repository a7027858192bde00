// Runs before anything else of the console. It asks for what the first page shows while the browser loads the script of the
// page, which takes the replies (`ahead.ts`), and sets the theme, so that the page is never painted in the wrong one.
{
  const { pathname, search, hash } = location;
  const paths = ['/console/session'];
  // Without a choice in the address.
  if (/^\/console\/?$/.test(pathname + search)) paths.push('/v2/overview', '/v2/stats', '/v2/destinations?count=10');
  const ask = (path) => {
    const options = { headers: { 'X-Posthorn-Console': '1' }, cache: 'no-store', signal: AbortSignal.timeout(30_000) };
    const reply = fetch(path, options);
    // Whoever takes the reply learns of the failure.
    reply.catch(() => undefined);
    return [path, reply];
  };
  // A link with a code signs in first.
  globalThis.posthornAhead = new Map(hash.startsWith('#code=') ? [] : paths.map(ask));

  const theme = localStorage.getItem('posthorn.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
}
