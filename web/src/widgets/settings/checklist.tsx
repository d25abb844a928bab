import type { Rows, Source, SourceCheck } from '../../api/contract.ts';
import { checkLabel } from '../../domain/checks.ts';
import { showName } from '../../domain/queue-name.ts';
import { inWords } from '../../domain/server-words.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Card, CopyButton, Mark, type Tone } from '../../ui/index.tsx';

const TONE: Record<SourceCheck['state'], Tone> = { ok: 'ok', missing: 'critical', warning: 'warning', unknown: 'unknown' };
const STATE: Record<SourceCheck['state'], MessageId> = { ok: 'check.ok', missing: 'check.missing', warning: 'check.warning', unknown: 'check.unknown' };
/** Without these nothing works; that a broker is not there, or has nothing to tell yet, is just so. */
const VITAL: ReadonlySet<string> = new Set(['connect', 'auth', 'acl']);
const toneOf = (check: SourceCheck): Tone => (check.state === 'missing' && !VITAL.has(check.id) ? 'unknown' : (TONE[check.state] ?? 'unknown'));

/** What mends it: a command to copy, or advice to read. */
export function Fix({ text }: { text: string }) {
  const t = useSentence();
  if (!text.startsWith('ACL ')) return <p className="advice">{inWords(text)}</p>;
  return (
    <div className="fix">
      <code>{text}</code>
      <CopyButton text={text} label={t('action.copy')} done={t('action.copied')} />
    </div>
  );
}

function Check({ check }: { check: SourceCheck }) {
  const t = useSentence();
  const label = checkLabel(check.id);
  return (
    <li className={`check k-${check.state}`}>
      <Mark tone={toneOf(check)} label={t(STATE[check.state] ?? 'check.unknown')} />
      <div>
        <b>{label ? t(label) : check.id}</b> <span className="dim">{inWords(check.detail)}</span>
        {check.fix ? <Fix text={check.fix} /> : null}
      </div>
    </li>
  );
}

// The order is the server's, and a name may stand there twice.
// oxlint-disable-next-line react/no-array-index-key
export const Checks = ({ checks }: { checks: SourceCheck[] }) => <ul className="checks">{checks.map((check, i) => <Check key={`${check.id} ${i}`} check={check} />)}</ul>;

/** The first run: what was found in each source, what is missing, and the line that mends it. */
export function Checklist(props: { className?: string }) {
  const t = useSentence();
  useTopic('sources');
  const rows = useLive<Rows<Source>, Record<string, Source> | undefined>('sources', (doc) => doc?.rows);
  const sources = Object.values(rows ?? {});
  return (
    <Card className={props.className ?? ''} title={t('first.title')} small={t('first.small')} info={t('first.info')}>
      {sources.length === 0 ? <p className="empty">{t('first.noSource')}</p> : null}
      {sources.map((source) => (
        <div key={source.source} className="first">
          <h3>{showName(source.source)} <span className="mono dim">{source.url}</span></h3>
          <Checks checks={source.checks} />
        </div>
      ))}
    </Card>
  );
}
