// oxlint-disable unicorn/require-post-message-target-origin -- the page that started it is the only one that hears it
/** Fetches and takes apart answers beside the page: ten thousand series are parsed without the screen standing still. */
import { ask, type Question } from './asking.ts';

const running = new Map<number, AbortController>();

interface Scope {
  addEventListener(type: 'message', listener: (event: MessageEvent<{ id: number; question?: Question; stop?: true }>) => void): void;
  postMessage(message: unknown, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as Scope;

scope.addEventListener('message', ({ data }) => {
  const { id, question } = data;
  if (!question) {
    running.get(id)?.abort();
    running.delete(id);
    return;
  }
  const abort = new AbortController();
  running.set(id, abort);
  ask(question, abort.signal).then(
    (outcome) => {
      running.delete(id);
      const memory = outcome.answer.lines[0]?.values.buffer as ArrayBuffer | undefined;
      if (!abort.signal.aborted) scope.postMessage({ id, outcome }, memory ? [memory] : []);
    },
    (error: unknown) => {
      running.delete(id);
      if (!abort.signal.aborted) scope.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
    },
  );
});
