import { useEffect, useState } from 'preact/hooks';
import { ApiError, session, signIn } from '../api.ts';
import { Frame } from '../frame.tsx';
import { navigate, useLocation } from '../router.tsx';
import { useStore } from '../store.ts';
import { Button } from '../components/button.tsx';
import { useFocus } from '../components/field.tsx';
import { useTitle } from '../components/page-head.tsx';

/** Takes the token once; after that the browser has a cookie, which is not the token. */
export function SignIn() {
  useTitle('Sign in');
  const { query } = useLocation();
  const known = useStore(session);
  const [fault, setFault] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  const field = useFocus<HTMLInputElement>();
  // Links of the navigation lead back here, to open another page afterwards.
  useEffect(() => field.current?.focus(), [query.get('next')]);
  useEffect(() => {
    const next = query.get('next') ?? '/';
    if (known) navigate(next.startsWith('/') ? next : '/', { isReplaced: true });
  }, [known, query]);

  const submit = async (token: string) => {
    if (isBusy) return;
    setIsBusy(true);
    setFault('');
    try {
      await signIn({ token });
    } catch (error) {
      setFault(error instanceof ApiError ? error.message : String(error));
      setIsBusy(false);
    }
  };
  return (
    <Frame>
      <form
        class="sign-in"
        onSubmit={(event) => {
          event.preventDefault();
          if (field.current) void submit(field.current.value.trim());
        }}
      >
        <h1>Sign in</h1>
        <label for="token">Token</label>
        <input ref={field} id="token" type="password" autocomplete="current-password" required />
        {fault ? (
          <p role="alert" class="fault">
            {fault}
          </p>
        ) : null}
        <Button type="submit" class="primary" isOff={isBusy}>
          Sign in
        </Button>
        <p class="muted">
          The token is <code>QSTASH_TOKEN</code> of the server, or its read-only token.{' '}
          <code>npx posthorn console</code> prints a link that signs in without it.
        </p>
        {window.isSecureContext ? null : (
          <p class="fault">
            This page came without encryption, so that a browser cannot keep a session. Use HTTPS, or localhost.
          </p>
        )}
      </form>
    </Frame>
  );
}
