import type { ReactNode } from 'react';
import type { Instance } from '../../api/instances.ts';
import { duration } from '../../domain/duration.ts';
import { calledOf, instanceTone } from '../../domain/instance.ts';
import { count } from '../../domain/quantity.ts';
import { showName } from '../../domain/queue-name.ts';
import { inWords } from '../../domain/server-words.ts';
import { sentence, useSentence } from '../../i18n/index.ts';
import { Mark } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { instanceState } from './state.ts';

/** A figure that nobody tells is a dash with a reason. */
export function Told(props: { children: ReactNode }) {
  const t = useSentence();
  const { children } = props;
  return children === null || children === undefined || children === '' ? <span className="dim" data-tip={t('instances.absent')}>–</span> : <>{children}</>;
}

/** The name leads to what the instance wrote. */
export function InstanceName({ instance }: { instance: Instance }) {
  const t = useSentence();
  const called = calledOf(instance);
  return (
    <>
      <Mark tone={instanceTone(instance)} label={instanceState(t, instance)} />
      <LinesLink of={{ instance: called }} className="q" isRow tip={[instance.address, t('instances.linesTip', { name: showName(called) })].filter(Boolean).join('\n')}><bdi className="name">{showName(called)}</bdi></LinesLink>
      <span className="src">{showName(instance.role)}{instance.leader ? ` (${t('instances.leader')})` : ''} · {showName(instance.source)}</span>
    </>
  );
}

export function InstanceState({ instance }: { instance: Instance }) {
  const t = useSentence();
  const tone = { critical: 'crit', warning: 'warn', ok: '', unknown: 'unk' }[instanceTone(instance)];
  const tip = instance.disagree ? t('instances.disagreeTip', { balancer: instance.balancer ?? '–', probe: instance.probe ? inWords(instance.probe) : '–' }) : undefined;
  return <span className={tone} data-tip={tip}>{instanceState(t, instance)}</span>;
}

/** HAProxy measures in whole milliseconds: its 0 is less than one, and not nothing. */
const latency = (seconds: number): string => (seconds === 0 ? sentence('unit.ms', { n: '<1' }) : duration(seconds));

export const Seconds = ({ value }: { value: number | null | undefined }) => <Told>{typeof value === 'number' ? latency(value) : null}</Told>;
export const Amount = ({ value }: { value: number | null | undefined }) => <Told>{typeof value === 'number' ? count(value) : null}</Told>;
