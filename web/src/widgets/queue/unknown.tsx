import { Link } from '@tanstack/react-router';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';

/** No such queue: never seen, or seen and gone from the Redis. */
export function UnknownQueue(props: { source: string; queue: string; gone?: boolean }) {
  const t = useSentence();
  const queue = showName(props.queue);
  return (
    <div className="grid">
      <section className="card s12 note unknown" data-state={props.gone ? 'gone' : 'unknown'}>
        <h1 className="page">{t(props.gone ? 'gone.title' : 'unknown.title', { queue })}</h1>
        <p>{t(props.gone ? 'gone.text' : 'unknown.text', { source: showName(props.source) })}</p>
        <Link className="btn" to="/queues">{t('unknown.back')}</Link>
      </section>
    </div>
  );
}
