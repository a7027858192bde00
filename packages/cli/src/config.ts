/** The variables that the command line looks at. One that is set to nothing counts as not set. */
export function readConfig() {
  const { env } = process;
  return {
    url: env['QSTASH_URL'] || undefined,
    token: env['QSTASH_TOKEN'] || undefined,
    dataDir: env['POSTHORN_DATA_DIR'] || undefined,
    redisUrl: env['REDIS_URL'] || undefined,
    isColorless: Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb',
  };
}
