import { generate } from 'selfsigned';

/** A certificate and its key, as PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** A certificate authority of a test's own, and what it signed. */
export interface Certificates {
  /** What a client must trust. */
  authority: string;
  good: Certificate;
  expired: Certificate;
  wrongName: Certificate;
  /** Signed by itself. */
  selfSigned: Certificate;
}

const dayMs = 86_400_000;

export async function makeCertificates(): Promise<Certificates> {
  const authority = await generate([{ name: 'commonName', value: 'posthorn test authority' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const ca = { cert: authority.cert, key: authority.private };
  const sign = async (name: string, isSelfSigned: boolean, startsAt: number, endsAt: number): Promise<Certificate> => {
    const made = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      notBeforeDate: new Date(startsAt),
      notAfterDate: new Date(endsAt),
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
      ...(isSelfSigned ? {} : { ca }),
    });
    return { cert: made.cert, key: made.private };
  };
  const now = Date.now();
  const [good, expired, wrongName, selfSigned] = await Promise.all([
    sign('localhost', false, now - dayMs, now + dayMs),
    sign('localhost', false, now - 2 * dayMs, now - dayMs),
    sign('elsewhere.test', false, now - dayMs, now + dayMs),
    sign('localhost', true, now - dayMs, now + dayMs),
  ]);
  return { authority: authority.cert, good, expired, wrongName, selfSigned };
}
