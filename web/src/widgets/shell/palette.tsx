import { useNavigate } from '@tanstack/react-router';
import { useState, type KeyboardEvent } from 'react';
import type { Row, Rows, Worker } from '../../api/contract.ts';
import { rowOrder } from '../../domain/order.ts';
import { setPreferences } from '../../domain/preferences.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { togglePause } from '../../live/session.ts';
import { Modal } from '../../ui/index.tsx';
import { queueTarget } from '../queue-link.tsx';
import { useZone } from './display-menu.tsx';
import { PAGES } from './pages.ts';

interface Entry {
  id: string;
  text: string;
  hint: string;
  run: () => void;
}

const LIMIT = 40;
const worstFirst = rowOrder('worst', 'desc');

function useEntries(onShortcuts: () => void): Entry[] {
  const t = useSentence();
  const navigate = useNavigate();
  const setZone = useZone();
  useTopic('queues');
  useTopic('workers');
  const queues = useLive<Rows<Row>, Record<string, Row> | undefined>('queues', (doc) => doc?.rows);
  const workers = useLive<Rows<Worker>, Record<string, Worker> | undefined>('workers', (doc) => doc?.rows);
  const pages = PAGES.map((page) => ({ id: `page ${page.to}`, text: t(page.label), hint: t('palette.page'), run: () => void navigate({ to: page.to }) }));
  const act = (id: string, text: string, run: () => void): Entry => ({ id: `act ${id}`, text, hint: t('palette.action'), run });
  const actions = [
    act('pause', t('palette.pause'), togglePause),
    act('light', t('palette.light'), () => setPreferences({ theme: 'light' })),
    act('dark', t('palette.dark'), () => setPreferences({ theme: 'dark' })),
    act('system', t('palette.system'), () => setPreferences({ theme: 'system' })),
    act('en', 'English', () => setPreferences({ locale: 'en' })),
    act('fr', 'Français', () => setPreferences({ locale: 'fr' })),
    act('utc', t('palette.utc'), () => setZone('utc')),
    act('local', t('palette.local'), () => setZone('local')),
    act('wall', t('palette.wall'), () => void navigate({ to: '.', search: (old) => ({ ...old, wall: 1 }) })),
    act('api', t('page.apidocs'), () => void navigate({ to: '/api/docs' })),
    act('keys', t('shortcuts.title'), onShortcuts),
  ];
  const queueEntries = Object.entries(queues ?? {}).toSorted(([, a], [, b]) => worstFirst(a, b)).map(([id, row]) => ({
    id: `queue ${id}`, text: showName(row.queue), hint: `${row.kind} · ${row.source}`,
    run: () => void navigate(queueTarget(row.source, row.kind, row.queue)),
  }));
  const workerEntries = Object.entries(workers ?? {}).map(([id, worker]) => ({
    id: `worker ${id}`, text: showName(worker.name), hint: t('palette.worker'),
    run: () => void navigate({ to: '/workers', search: { q: worker.name } }),
  }));
  return [...pages, ...queueEntries, ...workerEntries, ...actions];
}

/** 0 where the text begins with what is wanted, 1 where a word of it does, 2 where it has it, 3 where only the hint does. */
function distance({ text }: Entry, word: string): number {
  const at = text.toLowerCase().indexOf(word);
  if (at <= 0) return at === 0 ? 0 : 3;
  return /[\p{L}\p{N}]/u.test(text.charAt(at - 1)) ? 2 : 1;
}

/** Those that have each word, the nearest first. */
function found(entries: Entry[], wanted: string): Entry[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const [first] = words;
  const hits = entries.filter((entry) => words.every((word) => `${entry.text} ${entry.hint}`.toLowerCase().includes(word)));
  return first === undefined ? hits : hits.toSorted((a, b) => distance(a, first) - distance(b, first));
}

/** Type to go anywhere or do anything. */
export function Palette(props: { onClose: () => void; onShortcuts: () => void }) {
  const t = useSentence();
  const [wanted, setWanted] = useState('');
  const [at, setAt] = useState(0);
  const hits = found(useEntries(props.onShortcuts), wanted);
  const shown = hits.slice(0, LIMIT);
  const choice = shown[Math.min(at, shown.length - 1)];
  const take = (entry: Entry | undefined) => {
    if (!entry) return;
    props.onClose();
    entry.run();
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setAt((old) => Math.max(0, Math.min(shown.length - 1, old + step)));
    else if (event.key === 'Enter') take(choice);
    else return;
    event.preventDefault();
  };
  return (
    <Modal label={t('palette.title')} onClose={props.onClose}>
      <div className="palette">
        <input
          className="palette-input" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={choice ? `p-${shown.indexOf(choice)}` : undefined}
          aria-label={t('palette.title')} placeholder={t('palette.placeholder')} value={wanted} autoComplete="off" spellCheck={false}
          onChange={(event) => { setWanted(event.target.value); setAt(0); }} onKeyDown={keys}
        />
        <div className="palette-list" id="palette-list" role="listbox" aria-label={t('palette.title')}>
          {shown.map((entry, i) => (
            <div key={entry.id} id={`p-${i}`} role="option" tabIndex={-1} aria-selected={entry === choice} onClick={() => take(entry)} onKeyDown={keys}>
              <bdi className="name">{entry.text}</bdi><span className="dim">{entry.hint}</span>
            </div>
          ))}
        </div>
        <p className="palette-foot dim">{hits.length === 0 ? t('palette.none') : t('palette.count', { shown: shown.length, all: hits.length })}</p>
      </div>
    </Modal>
  );
}
