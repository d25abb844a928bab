import { expect, it } from 'vitest';
import { curlLine, readDocument } from './document.ts';

it('each operation has a line for curl, with what it sends', () => {
  const { operations } = readDocument({ paths: {
    '/api/v1/logs': {
      get: { parameters: [{ name: 'q', in: 'query' }] },
      post: { requestBody: { content: { 'application/x-ndjson': {} } } },
    },
    '/api/v1/query': { post: { parameters: [{ name: 'query', in: 'query', required: true }] } },
    '/api/v1/stream': { get: { responses: { 200: { content: { 'text/event-stream': {} } } } } },
  } });
  expect(operations.map((op) => curlLine('http://h', op))).toEqual([
    "curl 'http://h/api/v1/logs'",
    "curl -H 'content-type: application/x-ndjson' --data-binary @FILE 'http://h/api/v1/logs'",
    "curl -X POST 'http://h/api/v1/query?query=QUERY'",
    "curl -N 'http://h/api/v1/stream'",
  ]);
});
