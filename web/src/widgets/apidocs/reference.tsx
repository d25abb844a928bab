import { useQuery } from '@tanstack/react-query';
import { fetchOpenApi } from '../../api/client.ts';
import { queries } from '../../api/queries.ts';
import { useSentence } from '../../i18n/index.ts';
import { clock } from '../../live/session.ts';
import { CopyButton, Fault, ScrollX, Skeleton } from '../../ui/index.tsx';
import { curlLine, readDocument, refsOf, typeText, type Operation, type Schema } from './document.ts';

const anchor = (name: string): string => `schema-${name}`;

/** What the document says, with `names` as code. */
function Said({ text }: { text: string | undefined }) {
  // oxlint-disable-next-line react/no-array-index-key -- a piece is its place
  return <>{(text ?? '').split('`').map((piece, i) => (i % 2 ? <code key={i}>{piece}</code> : piece))}</>;
}

/** A type in one line, then links to the shapes it names. */
function Type({ schema }: { schema: Schema | undefined }) {
  return (
    <>
      <code>{typeText(schema)}</code>
      {refsOf(schema).map((name) => <a key={name} className="ref" href={`#${anchor(name)}`} aria-label={name}>↓</a>)}
    </>
  );
}

function Parameters({ op }: { op: Operation }) {
  const t = useSentence();
  if (op.parameters.length === 0) return null;
  return (
    <ScrollX label={`${op.method} ${op.path}, ${t('api.parameter')}`}>
      <table className="prose">
        <thead><tr><th scope="col">{t('api.parameter')}</th><th scope="col" className="l">{t('api.type')}</th><th scope="col" className="l">{t('api.meaning')}</th></tr></thead>
        <tbody>
          {op.parameters.map((parameter) => (
            <tr key={`${parameter.in} ${parameter.name}`}>
              <td><code>{parameter.name}</code> <span className="dim">{parameter.in}{parameter.required ? ` · ${t('api.required')}` : ''}</span></td>
              <td className="l"><Type schema={parameter.schema} /></td>
              <td className="l wrap"><Said text={parameter.description} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollX>
  );
}

function OperationCard({ op }: { op: Operation }) {
  const t = useSentence();
  const curl = curlLine(window.location.origin, op, clock.now());
  return (
    <section className="card s12 operation" aria-label={`${op.method} ${op.path}`}>
      <h2><span className="tag">{op.method.toUpperCase()}</span> <code>{op.path}</code></h2>
      {op.summary ? <p><Said text={op.summary} /></p> : null}
      {op.description && op.description !== op.summary ? <p className="dim pre"><Said text={op.description} /></p> : null}
      <div className="fix"><code>{curl}</code><CopyButton text={curl} label={t('action.copy')} done={t('action.copied')} /></div>
      <Parameters op={op} />
      <ul className="answers">
        {op.answers.map((answer) => (
          <li key={answer.status}>
            <b>{answer.status}</b> <span><Said text={answer.description} /></span>
            {answer.media.map((media) => <span key={media.type} className="dim">{media.type} <Type schema={media.schema} /></span>)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function SchemaCard({ name, schema }: { name: string; schema: Schema }) {
  const t = useSentence();
  const fields = Object.entries(schema.properties ?? {});
  return (
    <section className="card s6 operation" id={anchor(name)} aria-label={`${t('api.schema')} ${name}`}>
      <h3><code>{name}</code></h3>
      {schema.description ? <p className="dim pre"><Said text={schema.description} /></p> : null}
      {fields.length === 0 ? <p><Type schema={schema} /></p> : (
        <dl className="fields">
          {fields.map(([field, type]) => (
            <div key={field}>
              <dt><code>{field}</code>{schema.required?.includes(field) ? '' : <span className="dim"> {t('api.optional')}</span>}</dt>
              <dd><Type schema={type} />{type.description ? <span className="dim"> <Said text={type.description} /></span> : null}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

/** The server's own description of itself, made readable. */
export function ApiReference() {
  const t = useSentence();
  const { data, error, refetch } = useQuery({ queryKey: ['openapi'], queryFn: fetchOpenApi, select: readDocument, staleTime: Infinity }, queries);
  if (error) return <div className="card"><Fault text={t('fault.openapi', { reason: error.message })} retry={t('action.retry')} onRetry={() => void refetch()} /></div>;
  if (!data) return <div className="card note"><Skeleton width="60ch" /></div>;
  return (
    <div className="grid">
      <div className="toolbar s12">
        <h1 className="page">{t('page.apidocs')}</h1>
        <span className="dim">{data.title} {data.version}</span>
        <a className="end" href="/api/openapi.json">openapi.json</a>
      </div>
      {data.description ? <p className="s12 dim pre"><Said text={data.description} /></p> : null}
      {data.operations.map((op) => <OperationCard key={`${op.method} ${op.path}`} op={op} />)}
      {data.schemas.length > 0 ? <h2 className="s12 page">{t('api.schemas')}</h2> : null}
      {data.schemas.map(([name, schema]) => <SchemaCard key={name} name={name} schema={schema} />)}
    </div>
  );
}
