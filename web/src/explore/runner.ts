// oxlint-disable unicorn/require-post-message-target-origin -- a worker has no origin to name
// oxlint-disable-next-line import/default -- the bundler makes it
import workerUrl from './worker.ts?worker&url';
import { sentence } from '../i18n/index.ts';
import { trusted } from '../domain/trusted.ts';
import type { Outcome, Question } from './asking.ts';

/** As Chromium, Firefox and Safari say that nobody answered. */
const NO_ANSWER = /^(?:Failed to fetch|NetworkError|Load failed|network error)/i;

type Reply = { id: number; outcome?: Outcome; error?: string };
let worker: Worker | null = null;
let last = 0;
const waiting = new Map<number, { done: (outcome: Outcome) => void; failed: (error: Error) => void }>();

function start(): Worker {
  const made = new Worker(trusted(workerUrl), { type: 'module', name: 'explore' });
  made.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.outcome) asked?.done(data.outcome);
    else asked?.failed(new Error(NO_ANSWER.test(data.error ?? '') ? sentence('fault.unreachable') : (data.error ?? '')));
  });
  // It ran out of memory, or could not be loaded: whoever waits hears it, and the next question gets a new one.
  made.addEventListener('error', ({ message }) => {
    if (worker === made) worker = null;
    made.terminate();
    for (const [id, { failed }] of waiting) {
      waiting.delete(id);
      failed(new Error(message || 'the worker ended'));
    }
  });
  return made;
}

/** Asks beside the page; an aborted question is never answered. */
export function run(question: Question, signal: AbortSignal): Promise<Outcome> {
  worker ??= start();
  const asked = worker;
  last += 1;
  const id = last;
  signal.addEventListener('abort', () => {
    if (waiting.delete(id)) asked.postMessage({ id, stop: true });
  });
  return new Promise((done, failed) => {
    waiting.set(id, { done, failed });
    asked.postMessage({ id, question });
  });
}
