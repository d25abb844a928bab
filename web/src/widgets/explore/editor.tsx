import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import { apply, rank, type Proposal } from '../../explore/complete.ts';
import { contextAt, type Context } from '../../explore/context.ts';
import { marked, pieces } from '../../explore/highlight.ts';
import { candidates } from '../../explore/names.ts';
import { useSentence } from '../../i18n/index.ts';

interface EditorProps {
  label: string;
  value: string;
  /** LogQL, not PromQL. */
  isLog: boolean;
  /** The stretch that the server's complaint is about. */
  fault: readonly [number, number] | null;
  faultId: string | undefined;
  onChange: (value: string) => void;
  onRun: () => void;
  /** Just added: it takes the focus. */
  isNew: boolean;
}

interface Popup {
  context: Context;
  place: Place;
  /** Everything that may stand there, before it is ranked. */
  found: Proposal[];
  all: Proposal[];
  at: number;
}

interface Place {
  left: number;
  top: number;
}

const TYPING_MS = 60;
const KIND_SIGN: Record<Proposal['kind'], string> = { metric: 'm', function: 'ƒ', aggregation: 'Σ', keyword: '∧', modifier: '↳', label: '◇', value: '"', duration: '◷' };

/** Opens by itself where something has been typed or a choice is what comes next. */
const opensByItself = (context: Context): boolean => context.prefix !== '' || ['label', 'value', 'grouping', 'duration', 'stage'].includes(context.kind);

/** Where the popup belongs: under the first sign of what is typed, and never out of the editor. */
function placeUnder(ghost: HTMLElement | null, offset: number): Place {
  const text = ghost?.firstChild;
  if (!ghost || !text) return { left: 0, top: 32 };
  const range = document.createRange();
  range.setStart(text, Math.min(offset, text.textContent?.length ?? 0));
  const [at, around] = [range.getBoundingClientRect(), ghost.getBoundingClientRect()];
  const width = Math.min(460, around.width);
  return { left: Math.max(0, Math.min(at.left - around.left - 8, around.width - width)), top: at.bottom - around.top + 4 };
}

/** Whether the same words may stand at both, with more or less of one typed. */
const isSamePlace = (a: Context, b: Context): boolean => a.kind === b.kind && a.from === b.from && a.label === b.label && a.selector === b.selector;

function popupOf(context: Context, found: Proposal[], place: Place): Popup | null {
  const all = rank(found, context.prefix);
  const isDone = all.length === 0 || (all.length === 1 && all[0]?.text === context.prefix);
  return isDone ? null : { context, place, found, all, at: 0 };
}

/** What may stand at the cursor; the latest question wins. */
function useCompletion(ghost: RefObject<HTMLElement | null>, isLog: boolean) {
  const [popup, setPopup] = useState<Popup | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const latest = useRef(0);
  const close = () => {
    latest.current += 1;
    if (timer.current !== null) clearTimeout(timer.current);
    setPopup(null);
  };
  const look = (text: string, cursor: number, isAsked: boolean) => {
    latest.current += 1;
    const turn = latest.current;
    if (timer.current !== null) clearTimeout(timer.current);
    const context = contextAt(text, cursor, isLog);
    if (!context || !(isAsked || opensByItself(context))) {
      setPopup(null);
      return;
    }
    // What is known already is ranked anew at once: a key pressed in haste must not take what stood first before.
    if (popup && isSamePlace(popup.context, context)) setPopup(popupOf(context, popup.found, popup.place));
    else setPopup(null);
    timer.current = setTimeout(() => {
      candidates(context, isLog).then((found) => {
        if (turn !== latest.current) return;
        setPopup(popupOf(context, found, placeUnder(ghost.current, context.from)));
      }, () => turn === latest.current && setPopup(null));
    }, isAsked ? 0 : TYPING_MS);
  };
  useEffect(() => () => { if (timer.current !== null) clearTimeout(timer.current); }, []);
  return { popup, close, look, move: (step: number) => setPopup((old) => old && { ...old, at: (old.at + step + old.all.length) % old.all.length }), pick: (at: number) => setPopup((old) => old && { ...old, at }) };
}

function Proposals(props: { id: string; popup: Popup; onTake: (proposal: Proposal) => void; onPoint: (at: number) => void }) {
  const t = useSentence();
  const { all, at } = props.popup;
  const list = useRef<HTMLDivElement>(null);
  const active = all[at];
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  return (
    <div className="proposals" style={props.popup.place}>
      <div ref={list} id={props.id} role="listbox" aria-label={t('explore.proposals')} className="proposal-list">
        {all.map((proposal, i) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the keys are the editor's
          <div
            key={`${proposal.kind} ${proposal.text}`} id={`${props.id}-${i}`} role="option" tabIndex={-1} aria-selected={i === at}
            onPointerDown={(event) => event.preventDefault()} onPointerMove={() => i !== at && props.onPoint(i)} onClick={() => props.onTake(proposal)}
          >
            <span className={`sign k-${proposal.kind}`} aria-hidden="true">{KIND_SIGN[proposal.kind]}</span>
            <span className="text">{proposal.text}</span>
            <span className="dim">{proposal.kind === 'metric' ? proposal.detail : proposal.kind === 'value' || proposal.kind === 'label' || proposal.kind === 'duration' ? '' : t(`explore.kind.${proposal.kind}`)}</span>
          </div>
        ))}
      </div>
      {active && (active.detail || active.help) ? <div className="proposal-help" lang={active.isEnglish ? 'en' : undefined}><code>{active.detail === '' || active.kind === 'metric' ? active.text : active.detail}</code>{active.help}</div> : null}
    </div>
  );
}

/**
 * A text field for PromQL or LogQL. What is typed is coloured by a copy that lies exactly over it, and proposals stand under the
 * cursor; it stays a plain text field for the keyboard, the phone and a reader.
 */
export function Editor(props: EditorProps) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const ghost = useRef<HTMLPreElement>(null);
  const { popup, close, look, move, pick } = useCompletion(ghost, props.isLog);
  const { value, fault, onChange } = props;
  const shown = useMemo(() => marked(pieces(value), fault), [value, fault]);
  // What a proposal made of the text, and where the cursor belongs in it.
  const pending = useRef<{ text: string; cursor: number } | null>(null);
  const settle = () => {
    const edit = pending.current;
    if (!edit || edit.text !== value) return;
    pending.current = null;
    field.current?.focus();
    field.current?.setSelectionRange(edit.cursor, edit.cursor);
    look(edit.text, edit.cursor, false);
  };
  // Before the next key: a frame later, one who types on at once would find the cursor moved back behind what was typed.
  // oxlint-disable-next-line react/exhaustive-deps -- only another text settles an edit
  useLayoutEffect(settle, [value]);
  const take = (proposal: Proposal) => {
    if (!popup) return;
    close();
    const done = apply(value, popup.context, proposal);
    pending.current = done;
    if (done.text === value) settle();
    else onChange(done.text);
  };
  const keys = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const isRun = event.key === 'Enter' && (event.ctrlKey || event.metaKey);
    const isAsk = event.key === ' ' && event.ctrlKey;
    const active = popup?.all[popup.at];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (isRun) {
      close();
      props.onRun();
    } else if (isAsk) look(value, event.currentTarget.selectionStart, true);
    else if (popup && step !== undefined) move(step);
    else if (active && (event.key === 'Enter' || (event.key === 'Tab' && !event.shiftKey))) take(active);
    else if (popup && event.key === 'Escape') close();
    else return;
    event.preventDefault();
  };
  return (
    <div className={`promql ${fault ? 'faulty' : ''}`}>
      <pre className="promql-ghost" ref={ghost} aria-hidden="true">{`${value}\n`}</pre>
      <textarea
        ref={field} rows={1} data-filter="" value={value} spellCheck={false} autoComplete="off" autoCapitalize="off" aria-label={props.label} placeholder={props.label}
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the field that a press on "Add query" asked for
        autoFocus={props.isNew}
        aria-autocomplete="list" aria-controls={popup ? id : undefined} aria-activedescendant={popup ? `${id}-${popup.at}` : undefined}
        aria-invalid={fault !== null} aria-errormessage={props.faultId}
        onChange={(event) => { pending.current = null; onChange(event.target.value); look(event.target.value, event.target.selectionStart, false); }} onKeyDown={keys} onBlur={close}
      />
      <pre className="promql-paint" aria-hidden="true">{shown.map((piece) => <span key={piece.from} className={`t-${piece.look} ${piece.isFault ? 'fault' : ''}`}>{piece.text}</span>)}{'\n'}</pre>
      {popup ? <Proposals id={id} popup={popup} onTake={take} onPoint={pick} /> : null}
    </div>
  );
}
