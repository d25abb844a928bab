import { Fragment } from 'react';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { Modal } from '../../ui/index.tsx';
import { PAGES } from './pages.ts';

const OTHERS: readonly [keys: string[], label: MessageId][] = [
  [['Ctrl K'], 'keys.palette'],
  [['p', '␣'], 'keys.pause'],
  [['/'], 'keys.filter'],
  [['j', 'k'], 'keys.rows'],
  [['Enter'], 'keys.open'],
  [['Ctrl ⏎'], 'keys.run'],
  [['Esc'], 'keys.close'],
  [['?'], 'keys.list'],
];

export function ShortcutList(props: { onClose: () => void }) {
  const t = useSentence();
  return (
    <Modal label={t('shortcuts.title')} onClose={props.onClose}>
      <div className="keys">
        <h2>{t('shortcuts.title')}</h2>
        <dl>
          {PAGES.map((page) => (
            <Fragment key={page.to}>
              <dt><kbd>g</kbd> <kbd>{page.key}</kbd></dt>
              <dd>{t('keys.go', { page: t(page.label) })}</dd>
            </Fragment>
          ))}
          {OTHERS.map(([keys, label]) => (
            <Fragment key={label}>
              <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
              <dd>{t(label)}</dd>
            </Fragment>
          ))}
        </dl>
        <p className="dim">{t('keys.charts')}</p>
        <form method="dialog"><button type="submit" className="btn">{t('action.close')}</button></form>
      </div>
    </Modal>
  );
}
