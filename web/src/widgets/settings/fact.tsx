import type { ReactNode } from 'react';
import { useSentence, type MessageId } from '../../i18n/index.ts';

/** A figure with its name; what the name means is told on demand. */
export function Fact(props: { label: MessageId; tip: MessageId; children: ReactNode }) {
  const t = useSentence();
  return (
    <div className="fact">
      <dt><button type="button" className="hint" data-tip={t(props.tip)}>{t(props.label)}</button></dt>
      <dd>{props.children}</dd>
    </div>
  );
}
