import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import openapi from '../../../../docs/openapi.json';
import { curlLine, readDocument } from './document.ts';

const NOW = 1_800_000_000_000;
const { operations } = readDocument(openapi);
const line = (method: string, path: string): string => {
  const op = operations.find((one) => one.method === method && one.path === path);
  return op ? curlLine('http://h:1', op, NOW) : '';
};

/** Runs a line with a curl that says its words, one a line, and its input. */
const said = (words: string): string => execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; case "$*" in *@-*) cat;; esac; }; ${words}`]).toString();

describe('the line for the shell', () => {
  it('has a body and its type: every POST', () => {
    const posts = operations.filter((op) => op.method === 'post');
    expect(posts.length).toBeGreaterThan(25);
    for (const op of posts) expect(curlLine('http://h:1', op, NOW), op.path).toMatch(/^(printf .* \| )?curl -X POST -H 'content-type: [a-z/-]+' (-d '|--data-binary @-)/);
  });
  it('is what a shell sends', () => {
    expect(said(line('post', '/api/v1/logs'))).toBe("-X\nPOST\n-H\ncontent-type: application/x-ndjson\n--data-binary\n@-\nhttp://h:1/api/v1/logs\n"
      + '{"level": "warn", "message": "slow answer", "queue": "emails"}\n{"message": "and another line"}\n');
    expect(said(line('post', '/api/v1/write')).endsWith('/api/v1/write\n\0')).toBe(true);
    expect(said(line('post', '/loki/api/v1/push'))).toContain('[["1800000000000000000", "an order came"]]');
    expect(said(line('post', '/api/v1/query_range'))).toContain('query=vigie_source_up&start=1799996400&end=1800000000&step=60');
  });
  it('is short where nothing is sent', () => {
    expect(line('get', '/api/v1/verdict')).toBe("curl 'http://h:1/api/v1/verdict'");
    expect(line('get', '/api/v1/query')).toBe("curl 'http://h:1/api/v1/query?query=QUERY'");
  });
});
