// Opens the Redis connections of a process and says, in one line a change,
// whether Redis is there. ioredis itself belongs to the example and is handed in.

const DEFAULT_URL = 'redis://127.0.0.1:6379/0';
const SOCKET_SCHEMES = new Set(['unix:', 'redis+unix:', 'redis-socket:']);

/** ioredis options for redis://, rediss:// and unix:// addresses. */
export function redisOptions(text = process.env.REDIS_URL || DEFAULT_URL) {
  const url = new URL(text);
  const common = {
    // Queue libraries wait for Redis as long as it takes; their own requirement, too.
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    connectTimeout: 2000,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 4), 1000),
    username: url.username ? decodeURIComponent(url.username) : undefined,
    password: url.password ? decodeURIComponent(url.password) : undefined,
  };
  if (SOCKET_SCHEMES.has(url.protocol)) {
    return { ...common, path: decodeURIComponent(url.pathname), db: Number(url.searchParams.get('db') ?? 0) };
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw new Error(`REDIS_URL: ${url.protocol}// is not Redis`);
  return {
    ...common,
    host: url.hostname || '127.0.0.1',
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/**
 * Watches one ioredis client; `link.up` is the state, each change is one line.
 * `link.report` takes the error events of everything else: without a listener they would end the process,
 * and all but the first of a kind repeat what is known.
 */
export function watchLink(client, name) {
  const link = { up: undefined, report: () => {} };
  const told = new Set();
  const CLOSED = 'connection closed';
  let lastError = CLOSED;
  const change = (up) => {
    if (link.up === up) return;
    link.up = up;
    console.log(up ? `${name}: redis is there` : `${name}: redis is away: ${lastError}`);
  };
  client.on('ready', () => {
    change(true);
    lastError = CLOSED;
  });
  client.on('close', () => change(false));
  client.on('error', (error) => {
    lastError = error.message || error.code || String(error);
  });
  link.report = (error) => {
    const text = error?.message || error?.code || String(error);
    const connection = error?.code || error?.syscall || /connection is closed|ECONN|EPIPE/i.test(text);
    const kind = text.replace(/\d+/g, '#');
    if (connection || told.has(kind) || told.size > 20) return;
    told.add(kind);
    console.error(`${name}: ${text}`);
  };
  return link;
}
