import { useEffect, useRef } from 'react';
import type { Span } from '../domain/span.ts';
import { useSentence } from '../i18n/index.ts';
import { eventFeed } from '../live/event-feed.ts';
import { MarkLayer } from './marks.ts';

/** The marks of events over a drawing that is no chart, but for `pad` pixels as wide as this box. */
export function EventMarks({ span, pad, of }: { span: Span; pad: number; of: string }) {
  const t = useSentence();
  const box = useRef<HTMLDivElement>(null);
  const { from, to } = span;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const feed = eventFeed(null);
    const layer = new MarkLayer(element, t('chart.marks', { chart: of }));
    const place = () => layer.over({ left: pad, width: element.clientWidth - 2 * pad }, feed.events, { from, to });
    const sizes = new ResizeObserver(place);
    sizes.observe(element);
    const unwatch = feed.watch(place);
    place();
    return () => {
      sizes.disconnect();
      unwatch();
      layer.destroy();
    };
  }, [from, to, pad, of, t]);
  return <div className="marks" ref={box} />;
}
