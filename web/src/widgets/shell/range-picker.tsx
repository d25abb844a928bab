import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { chartView } from '../../charts/view.ts';
import { shownZone, spanText } from '../../domain/moment.ts';
import { DEFAULT_PRESET, fieldSeconds, fieldText, PRESET_SECONDS, PRESETS, type Comparison, type Preset, type Span } from '../../domain/span.ts';
import { useSentence, type Translate } from '../../i18n/index.ts';
import { clock } from '../../live/session.ts';
import { Menu, Segmented } from '../../ui/index.tsx';

const choose = (range: Preset, span: Span | null) => chartView.choose({ range, span });
const options = (t: Translate) => PRESETS.map((value) => ({ value, label: t(`range.${value}`) }));

/** From and to by hand, in the zone that is on the screen. */
function Custom(props: { preset: Preset; span: Span | null; close: () => void }) {
  const t = useSentence();
  const zone = shownZone();
  const now = Math.floor(clock.now() / 1_000);
  const shown = props.span ?? { from: now - PRESET_SECONDS[props.preset], to: now };
  const [from, setFrom] = useState(() => fieldText(shown.from, zone));
  const [to, setTo] = useState(() => fieldText(shown.to, zone));
  const [begin, end] = [fieldSeconds(from, zone), fieldSeconds(to, zone)];
  const wrong = begin === null || end === null || end <= begin || begin > now;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wrong) return;
    choose(props.preset, { from: begin, to: end });
    props.close();
  };
  return (
    <form className="custom-range" onSubmit={submit}>
      <h3>{t('range.custom', { zone: t(`clock.${zone}`) })}</h3>
      <label>{t('range.from')} <input className="field" type="datetime-local" step={1} value={from} onChange={(event) => setFrom(event.target.value)} required /></label>
      <label>{t('range.to')} <input className="field" type="datetime-local" step={1} value={to} onChange={(event) => setTo(event.target.value)} required /></label>
      <p className="warn" role="status">{wrong ? t('range.wrong') : ''}</p>
      <button type="submit" className="btn" disabled={wrong}>{t('range.apply')}</button>
    </form>
  );
}

function CompareChoice({ comparison }: { comparison: Comparison | undefined }) {
  const t = useSentence();
  const navigate = useNavigate();
  const set = (value: Comparison | 'none') => void navigate({ to: '.', search: (old) => ({ ...old, cmp: value === 'none' ? undefined : value }) });
  return (
    <>
      <h3>{t('compare.label')}</h3>
      <Segmented label={t('compare.label')} value={comparison ?? 'none'} onChange={set} options={[
        { value: 'none', label: t('compare.none') }, { value: 'day', label: t('compare.day') }, { value: 'week', label: t('compare.week') },
      ]} />
    </>
  );
}

/** How far back the charts look, up to now or between two moments, and what they are compared with. */
export function RangePicker() {
  const t = useSentence();
  const { range, from, to, cmp } = useSearch({ from: '__root__' });
  const preset = range ?? DEFAULT_PRESET;
  const span = from !== undefined && to !== undefined ? { from, to } : null;
  const text = span ? spanText(span.from, span.to) : t(`range.${preset}`);
  const face = <><span className={span ? 'span' : 'preset'}>{text}</span>{cmp ? <span className="tag">{t(`compare.${cmp}Short`)}</span> : null}<span aria-hidden="true">▾</span></>;
  return (
    <div className={span ? 'range has-span' : 'range'}>
      <span className="presets"><Segmented label={t('range.label')} value={span ? 'span' : preset} onChange={(next) => choose(next as Preset, null)} options={options(t)} /></span>
      <Menu label={t('range.more', { range: cmp ? `${text} ${t(`compare.${cmp}Short`)}` : text })} className="pill range-menu" tip={t('range.moreTip')} face={face}>
        {(close) => (
          <>
            <div className="presets-inside">
              <h3>{t('range.label')}</h3>
              <Segmented label={t('range.label')} value={span ? 'span' : preset} onChange={(next) => { choose(next as Preset, null); close(); }} options={options(t)} />
            </div>
            <Custom key={`${preset} ${from} ${to} ${shownZone()}`} preset={preset} span={span} close={close} />
            <CompareChoice comparison={cmp} />
          </>
        )}
      </Menu>
    </div>
  );
}
