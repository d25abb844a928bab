import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileCatalogue } from '../../build/catalogues.ts';
import { activateLocale } from '../i18n/index.ts';
import fr from '../i18n/fr.json';
import help from '../i18n/query.fr.json';
import words from '../i18n/server.fr.json';
import { CHECKS, checkLabel } from './checks.ts';
import { eventWording } from './event.ts';
import { inWords, loadServerWords, sayingOf } from './server-words.ts';

const crates = new URL('../../../crates/', import.meta.url).pathname;

/** Rust without its tests and comments, its long texts on one line. */
function read(path: string): string {
  const code = readFileSync(join(crates, path), 'utf8').split('#[cfg(test)]\nmod')[0] ?? '';
  return code.replaceAll(/^\s*\/\/.*$/gm, '').replaceAll(/\\\n\s*/g, '');
}
const files = readdirSync(join(crates, 'collect/src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.rs') && !/tests?\.rs$|testing/.test(name)).map((name) => `collect/src/${name}`);
const sources = new Map([...files, 'tls/src/fault.rs', 'tls/src/certificates.rs', 'board/src/board.rs', 'board/src/source.rs', 'app/src/config/written.rs', 'store/src/error.rs', 'store/src/held.rs', 'store/src/maintain/job.rs', 'store/src/logs/maintain.rs', 'model/src/io_words.rs'].map((path) => [path, read(path)]));
/** Where queries are refused: only the frequent reasons are said in French. */
const queries = ['nesting', 'promql/ast', 'promql/check', 'promql/duration', 'promql/lexer', 'promql/number', 'promql/parser', 'promql/quoted', 'logql/engine', 'logql/lexer', 'logql/parser', 'logql/stage_parser', 'logql/metric/mod', 'logql/metric/range', 'logql/pipeline/mod', 'logql/pipeline/regex']
  .map((path) => `query/src/${path}.rs`);
const code = [...sources.values(), ...[...queries, 'query/src/promql/error.rs', 'store/src/logs/filter.rs', 'server/src/loki/evaluate.rs'].map(read)].join('\n');

/** Where the checks, hints and errors of the sources are put into words. */
const SPEAKING = /(?:\/(?:checks|fault|standing|overdue|acl|io_words|held)|n8n\/work|source\/(?:caddy|file|go_api|haproxy|nginx|probe|prometheus)\/poll)\.rs$/;
/** What stands there and is said to no one, or to the log alone. */
const UNSAID = /^(?:ACL SETUSER .*|lookup address|max number of clients|without any password configured|no password is set|invalid password|no connection|asynq:queues.*|GET |text\/plain.*|JSON or Prometheus's text|Prometheus's text.*|the page of stub_status.*|the statistics as CSV.*|show \w+|the server ended the handshake.*|log lines|.*under the prefix \{prefix\})$/;

function spoken(text: string): string[] {
  const pieces = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, piece = '']) => piece.replaceAll(/^[;,:] | \(and .*$/g, ''));
  return pieces.filter((piece) => / /.test(piece.trim()) && (piece.replaceAll(/\{[^}]*\}/g, '').match(/[a-z]{2,}/gi) ?? []).length >= 2 && !UNSAID.test(piece));
}
/** A text of the Rust code with something in its places. */
const filled = (text: string): string => text.replaceAll(/\{[^}]*\}/g, '1');

describe('what the server says', () => {
  beforeAll(async () => {
    await activateLocale('fr');
    await loadServerWords();
  });

  it('is still said so by the server: a word changed there is changed here', () => {
    for (const id of Object.keys(words)) {
      // The longest stretch of plain words of each.
      const [plain = ''] = id.split(/\{\w+\}|\(s\)/).map((piece) => piece.trim()).toSorted((a, b) => b.length - a.length);
      expect(plain.length, id).toBeGreaterThan(3);
      expect(code.includes(plain), plain).toBe(true);
    }
  });
  it('is known here: each check, hint and error of each source', () => {
    const unknown = [...sources].filter(([path]) => SPEAKING.test(path)).flatMap(([path, text]) => spoken(text).filter((piece) => inWords(filled(piece)) === filled(piece)).map((piece) => `${path}: ${piece}`));
    expect(unknown).toEqual([]);
  });
  it('has a sentence that fills in the same', () => {
    const compiled = compileCatalogue(JSON.stringify(words));
    const filledIn = (message: unknown): string[] => !Array.isArray(message) ? [] : message.flatMap((token: unknown) => {
      if (!Array.isArray(token)) return [];
      const [name, , format] = token as [string, string?, unknown?];
      return [name, ...(typeof format === 'object' && format !== null ? Object.values(format).flatMap(filledIn) : [])];
    }).filter((name) => name !== '#');
    for (const id of Object.keys(words)) expect(new Set(filledIn(compiled[id])), id).toEqual(new Set(sayingOf(id).names));
  });
  it('is said in French, with what it is about', () => {
    expect(inWords('127.0.0.1:6379: connection refused')).toBe('127.0.0.1:6379\u00a0: connexion refusée');
    expect(inWords('1 queue')).toBe('1 file');
    expect(inWords('8 queues')).toBe('8 files');
    expect(inWords('Redis 7.0.15 (standalone) at redis://h:1')).toBe('Redis 7.0.15 (standalone) à redis://h:1');
    expect(inWords('no queue in database 2 under the prefix a b')).toContain('a b');
    expect(inWords('h:1: no answer within 0.8 s: the server hangs or the network drops packets')).toContain('0,8 s');
    expect(inWords('refused')).toBe('refusée');
    expect(inWords('1 file, 7 lines read, 12 bytes to go')).toBe('1 fichier, 7 lignes lues, encore 12 octets');
  });
  it('is what is wrong with a query', () => {
    expect(inWords('parse error: unclosed left parenthesis')).toBe('erreur de syntaxe\u00a0: parenthèse ouverte et jamais fermée');
    expect(inWords('parse error: unexpected end of input in aggregation')).toBe('erreur de syntaxe\u00a0: inattendu\u00a0: fin de la requête, dans l’agrégation');
    expect(inWords('parse error: unexpected "," in label matching, expected identifier or "}"')).toContain('attendu\u00a0: identifiant ou "}"');
    expect(inWords('parse error: expected type range vector in call to function "rate", got instant vector')).toBe('erreur de syntaxe\u00a0: type attendu dans l’appel de "rate"\u00a0: vecteur de plage\u00a0; trouvé\u00a0: vecteur instantané');
    expect(inWords('parse error: expected at least 1 argument(s) in call to "round", got 0')).toContain('au moins 1 argument(s) dans l’appel de "round"\u00a0; 0 donné(s)');
    expect(inWords('syntax error: unexpected $end, expecting STRING')).toBe('erreur de syntaxe\u00a0: inattendu\u00a0: fin de la requête\u00a0; attendu\u00a0: texte');
    expect(inWords('maximum of series (500) reached for a single query: aggregate by fewer labels (limit: max_series)')).toContain('(limite\u00a0: max_series)');
    expect(inWords('unexpected answer: 7')).toBe('réponse inattendue\u00a0: 7');
  });
  it('is known in pieces, and one within another', () => {
    expect(inWords('1 of 2 replicas answer; http://h:1/api: connection refused')).toBe('1 réplique sur 2 répond\u00a0; http://h:1/api\u00a0: connexion refusée');
    expect(inWords('HAProxy says DOWN: L4CON: Connection refused')).toBe('HAProxy dit DOWN\u00a0: L4CON: Connection refused');
    expect(inWords('HAProxy says no check: it has no health check')).toContain('il n’a pas de contrôle de santé');
    expect(inWords('asynq queue mail: pending: the key holds another type of value')).toBe('asynq queue mail\u00a0: pending\u00a0: la clé contient une valeur d’un autre type');
    expect(inWords('http://h:1/: connection refused (is it running, and are host and port right?)')).toMatch(/connexion refusée \(est-il en marche/);
    expect(inWords('3 log entries of 1 of 2 replicas; 1 were gone before they could be read')).toBe('3 entrées de journal de 1 des 2 répliques\u00a0; 1 a disparu avant d’être lus');
  });
  it('stays as it is where it is not known', async () => {
    for (const text of ['something new', 'a: b; c, d (e)', '']) expect(inWords(text)).toBe(text);
    await activateLocale('en');
    expect(inWords('127.0.0.1:6379: connection refused')).toBe('127.0.0.1:6379: connection refused');
    await activateLocale('fr');
  });
});

describe('what queries are made of', () => {
  it('is explained in French: every function, every aggregation, every metric, and nothing else', () => {
    const named = ['calls', 'groups'].flatMap((file) => [...read(`query/src/promql/functions/${file}.rs`).matchAll(/\b(?:call|group)\(\s*"(\w+)"|name: "(\w+)"/g)].map(([, a, b]) => a ?? b ?? ''));
    const metrics = [...read('model/src/catalogue.rs').matchAll(/= "((?:vigie|process)_\w+)"/g)].map(([, name]) => name ?? '');
    expect(metrics.length).toBeGreaterThan(70);
    expect(Object.keys(help).toSorted()).toEqual([...new Set([...named, ...metrics])].toSorted());
  });
});

describe('what the server names', () => {
  it('has a label: every check of every source', () => {
    const inCalls = [...code.matchAll(/\bcheck\(\s*"(\w+)"/g)].map(([, id]) => id ?? '');
    const brokers = ['asynq', 'bull', 'bullmq'];
    const [, feeds = ''] = /fn word\(self\)([\s\S]*?)\n {4}\}/.exec(sources.get('collect/src/source/go_api/feed.rs') ?? '') ?? [];
    const inFeeds = [...feeds.matchAll(/=> "(\w+)"/g)].map(([, id]) => id ?? '');
    expect(inCalls.length).toBeGreaterThan(25);
    expect(inFeeds).toContain('jobs');
    const ids = [...new Set([...inCalls, ...inFeeds, ...brokers])].toSorted();
    expect([...CHECKS]).toEqual(ids);
    for (const id of ids) expect(fr, id).toHaveProperty([checkLabel(id) ?? '']);
  });
  it('has words: every kind of event', () => {
    const own = /fn as_str\(self\)([\s\S]*?)\n {4}\}/.exec(read('model/src/event.rs').split('impl EventKind')[1] ?? '')?.[1] ?? '';
    const kinds = [...own.matchAll(/=> "(\w+)"/g), ...(sources.get('collect/src/source/n8n/overdue.rs') ?? '').matchAll(/\("(workflow_\w+)", "/g)].map(([, kind]) => kind ?? '');
    expect(kinds.length).toBeGreaterThan(14);
    for (const kind of kinds) expect(eventWording(kind), kind).toBe(`event.${kind}`);
  });
});
