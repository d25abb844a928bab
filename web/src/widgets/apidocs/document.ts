/** The parts of an OpenAPI 3.1 document that the reference shows; anything else in it is left alone. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  required?: string[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
}
interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}
export interface Operation {
  method: string;
  path: string;
  summary: string;
  description: string;
  tag: string;
  parameters: Parameter[];
  /** A body that is taken. */
  body: { type: string; example: string } | null;
  answers: { status: string; description: string; media: { type: string; schema?: Schema }[] }[];
}
interface ApiDocument {
  title: string;
  version: string;
  description: string;
  operations: Operation[];
  schemas: [name: string, schema: Schema][];
}

type Raw = Record<string, unknown>;
const object = (value: unknown): Raw => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): Raw[] => (Array.isArray(value) ? value.map(object) : []);
const METHODS = ['get', 'put', 'post', 'patch', 'delete', 'head', 'options'];

function operation(method: string, path: string, raw: Raw, shared: Parameter[]): Operation {
  const answers = Object.entries(object(raw['responses'])).map(([status, answer]) => ({
    status,
    description: text(object(answer)['description']),
    media: Object.entries(object(object(answer)['content'])).map(([type, media]) => ({ type, schema: object(media)['schema'] as Schema })),
  }));
  const tag = Array.isArray(raw['tags']) ? text(raw['tags'][0]) : '';
  const own = list(raw['parameters']) as unknown as Parameter[];
  const bodies = Object.entries(object(object(raw['requestBody'])['content'])).map(([type, media]) => ({ type, example: object(media)['example'] }));
  const taken = bodies.find((one) => typeof one.example === 'string');
  const body = taken ? { type: taken.type, example: text(taken.example) } : null;
  return { method, path, summary: text(raw['summary']), description: text(raw['description']), tag, parameters: [...shared, ...own], body, answers };
}

export function readDocument(json: unknown): ApiDocument {
  const raw = object(json);
  const info = object(raw['info']);
  const operations = Object.entries(object(raw['paths'])).flatMap(([path, item]) => {
    const shared = list(object(item)['parameters']) as unknown as Parameter[];
    return METHODS.filter((method) => method in object(item)).map((method) => operation(method, path, object(object(item)[method]), shared));
  });
  const schemas = Object.entries(object(object(raw['components'])['schemas'])) as [string, Schema][];
  return { title: text(info['title']), version: text(info['version']), description: text(info['description']), operations, schemas };
}

const refName = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** A schema in one line: `Queue[]`, `number | null`, `"ok" | "warning"`. */
export function typeText(schema: Schema | undefined): string {
  if (!schema) return '';
  if (schema.$ref) return refName(schema.$ref);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const union = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (union) return union.map(typeText).join(schema.allOf ? ' & ' : ' | ');
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? (schema.properties ? 'object' : '')];
  return types.map((type) => {
    if (type === 'array') return `${typeText(schema.items) || 'unknown'}[]`;
    if (type === 'object' && typeof schema.additionalProperties === 'object') return `{ [key]: ${typeText(schema.additionalProperties)} }`;
    return schema.format ? `${type} (${schema.format})` : type;
  }).join(' | ');
}

/** The references inside a schema, to be linked. */
export function refsOf(schema: Schema | undefined): string[] {
  if (!schema) return [];
  const nested = [schema.items, ...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  if (typeof schema.additionalProperties === 'object') nested.push(schema.additionalProperties);
  return [...new Set([...(schema.$ref ? [refName(schema.$ref)] : []), ...nested.flatMap(refsOf)])];
}

/** The document's examples are of this second, and of an hour before. */
const SAMPLE_SECOND = 1_795_442_619;
const quoted = (words: string): string => `'${words.replaceAll("'", String.raw`'\''`)}'`;

/** How a body gets into curl: what goes before it, and its options. A shell's quotes hold one line of text. */
function sent({ type, example }: { type: string; example: string }, now: number): [before: string, options: string] {
  const body = example.replaceAll(/\b17954\d{5}/g, (second) => String(Math.floor(now / 1_000) + Number(second) - SAMPLE_SECOND));
  const kind = `-H 'content-type: ${type}'`;
  if (body === '\0') return [String.raw`printf '\000' | `, `${kind} --data-binary @- `];
  if (!body.includes('\n')) return ['', `${kind} -d ${quoted(body)} `];
  const lines = body.split('\n').filter(Boolean).map(quoted).join(' ');
  return [String.raw`printf '%s\n' ${lines} | `, `${kind} --data-binary @- `];
}

/** A line for the shell that can be run as it is, but for what only the reader knows: that stands in capitals. */
export function curlLine(origin: string, op: Operation, now: number): string {
  const path = op.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
  const required = op.parameters.filter((p) => p.in === 'query' && p.required && !op.body);
  const query = required.map((p) => `${p.name}=${p.name.toUpperCase()}`).join('&');
  const stream = op.answers.some((answer) => answer.media.some((media) => media.type.includes('event-stream')));
  const verb = op.method === 'get' ? '' : `-X ${op.method.toUpperCase()} `;
  const [before, options] = op.body ? sent(op.body, now) : ['', ''];
  return `${before}curl ${stream ? '-N ' : ''}${verb}${options}'${origin}${path}${query ? `?${query}` : ''}'`;
}
