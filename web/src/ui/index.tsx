import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';

export type Tone = 'critical' | 'warning' | 'ok' | 'unknown';

/** A shape for each tone, told apart without colour; the label says it to those who do not see it. */
export function Mark(props: { tone: Tone; label: string }) {
  return <span className={`mark m-${props.tone}`} role="img" aria-label={props.label} data-tip={props.label} />;
}

export function Card(props: {
  title: string; small?: ReactNode; info?: string | undefined; end?: ReactNode; className?: string; children: ReactNode;
}) {
  return (
    <section className={`card ${props.className ?? ''}`} aria-label={props.title}>
      <div className="card-head">
        <h2>{props.title}</h2>
        {props.small ? <small>{props.small}</small> : null}
        {props.info ? <Info text={props.info} /> : null}
        <div className="end">{props.end}</div>
      </div>
      {props.children}
    </section>
  );
}

/** A button that only explains: hover, focus or touch shows its text. */
function Info(props: { text: string }) {
  return (
    <button type="button" className="info" data-tip={props.text} aria-label={props.text}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        <circle cx="6" cy="6" r="5.2" fill="none" stroke="currentColor" strokeWidth="1" />
        <path d="M6 5.4v3M6 3.2v.9" stroke="currentColor" strokeWidth="1.2" />
      </svg>
    </button>
  );
}

/** How much is in use; nothing where that is not known, for an empty bar would say "none". */
export function Bar(props: { share: number | null; dead?: boolean }) {
  const share = props.dead ? 1 : props.share === null ? null : Math.max(0, Math.min(1, props.share));
  if (share === null) return null;
  return (
    <span className={`bar ${props.dead ? 'dead' : share >= 1 ? 'full' : 'ok'}`} aria-hidden="true">
      <i style={{ width: `${share * 100}%` }} />
    </span>
  );
}

function sparkPath(values: readonly (number | null | undefined)[], width: number, height: number): string {
  const known = values.filter((value): value is number => typeof value === 'number');
  if (known.length === 0) return '';
  const low = Math.min(...known, 0);
  const high = Math.max(...known);
  const span = high - low || 1;
  let pen = 'M';
  let path = '';
  values.forEach((value, i) => {
    if (typeof value !== 'number') {
      pen = 'M';
      return;
    }
    const x = values.length > 1 ? (i * width) / (values.length - 1) : 0;
    path += `${pen}${x.toFixed(1)},${(height - ((value - low) / span) * height).toFixed(1)}`;
    pen = 'L';
  });
  return path;
}

export function Spark(props: { values: readonly (number | null | undefined)[]; tone?: Tone; height?: number }) {
  const height = props.height ?? 22;
  return (
    <svg className={`spark t-${props.tone ?? 'ok'}`} height={height} viewBox={`0 -1 120 ${height + 2}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={sparkPath(props.values, 120, height)} />
    </svg>
  );
}

export function Segmented<T extends string>(props: {
  label: string; value: T; options: readonly { value: T; label: string }[]; onChange: (value: T) => void;
}) {
  return (
    <fieldset className="seg" aria-label={props.label} style={{ margin: 0 }}>
      {props.options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === props.value} onClick={() => props.onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </fieldset>
  );
}

/** Content that is wider than a phone scrolls by itself, also without a mouse. */
export const ScrollX = (props: { label: string; children: ReactNode }) => (
  // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
  <div className="scroll-x" role="region" aria-label={props.label} tabIndex={0}>{props.children}</div>
);

export const Skeleton = (props: { width?: number | string; block?: boolean }) => (
  <span className={props.block ? 'skeleton block' : 'skeleton'} style={{ width: props.width ?? undefined }} aria-hidden="true" />
);

export function CopyButton(props: { text: string; label: string; done: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" className="btn" onClick={() => void navigator.clipboard.writeText(props.text).then(() => setCopied(true))}>
      {copied ? props.done : props.label}
    </button>
  );
}

/** What failed, and a way to try again. */
export function Fault(props: { text: string; retry: string; onRetry: () => void }) {
  return (
    <div className="note" role="alert">
      <span className="mark m-warning" aria-hidden="true" />
      <span>{props.text}</span>
      <button type="button" className="btn" onClick={props.onRetry}>{props.retry}</button>
    </div>
  );
}

/** The browser's own modal dialog: it keeps the focus inside, closes on Escape and gives the focus back. */
export function Modal(props: { label: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref} className="modal" aria-label={props.label} onClose={props.onClose}
      onPointerDown={(event) => event.target === ref.current && ref.current?.close()}
    >
      {props.children}
    </dialog>
  );
}

/** A button with a small panel under it, by the browser's popover: light dismiss and Escape come for free. */
export function Menu(props: { label: string; face: ReactNode; className?: string; tip?: string; children: (close: () => void) => ReactNode }) {
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const close = useCallback(() => panel.current?.hidePopover(), []);
  const place = () => {
    const at = button.current?.getBoundingClientRect();
    if (!at || !panel.current) return;
    panel.current.style.top = `${at.bottom + 6}px`;
    // Under the right end of its button, but whole on the screen.
    const width = document.documentElement.clientWidth;
    panel.current.style.right = `${Math.max(8, Math.min(width - at.right, width - panel.current.offsetWidth - 8))}px`;
  };
  return (
    <>
      <button
        ref={button} type="button" className={props.className ?? 'btn quiet'} aria-label={props.label} data-tip={props.tip} aria-haspopup="true"
        onClick={() => { panel.current?.togglePopover(); place(); }}
      >
        {props.face}
      </button>
      <div ref={panel} popover="auto" className="menu">
        {/* oxlint-disable-next-line react/refs -- called on a press, not while drawing */}
        {props.children(close)}
      </div>
    </>
  );
}
