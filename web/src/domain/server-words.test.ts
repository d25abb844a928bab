import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { activateLocale } from '../i18n/index.ts';
import { inWords, SERVER_WORDS } from './server-words.ts';

const server = new URL('../../../crates/collect/src/source/redis/', import.meta.url).pathname;
const code = readdirSync(server).filter((name) => name.endsWith('.rs')).map((name) => readFileSync(join(server, name), 'utf8')).join('\n');

describe('what the server says', () => {
  beforeAll(() => activateLocale('fr'));

  it('is still said so by the server: a word changed there is changed here', () => {
    for (const [words] of SERVER_WORDS) {
      // The longest stretch of plain words of each.
      const [plain = ''] = words.source.replaceAll('\\/', '/').replaceAll(/\\[().?]|\([^)]*\)|[$^]|s\?/g, '\n').split('\n').map((piece) => piece.trim()).toSorted((a, b) => b.length - a.length);
      expect(plain.length, words.source).toBeGreaterThan(3);
      expect(code.includes(plain), plain).toBe(true);
    }
  });
  it('is said in French, with what it is about', () => {
    expect(inWords('127.0.0.1:6379: connection refused')).toBe('127.0.0.1:6379\u00a0: connexion refusée');
    expect(inWords('1 queue')).toBe('1 file');
    expect(inWords('8 queues')).toBe('8 files');
    expect(inWords('Redis 7.0.15 (standalone) at redis://h:1')).toBe('Redis 7.0.15 (standalone) à redis://h:1');
    expect(inWords('no queue in database 2 under the prefix a b')).toContain('a b');
    expect(inWords('h:1: no answer within 0.8 s: the server hangs or the network drops packets')).toContain('0.8 s');
  });
  it('stays as it is where it is not known', () => {
    expect(inWords('something new')).toBe('something new');
    expect(inWords('')).toBe('');
  });
});
