import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { compileCatalogue } from '../../build/catalogues.ts';

const folder = new URL('..', import.meta.url).pathname;
const read = (locale: string) => readFileSync(join(folder, 'i18n', `${locale}.json`), 'utf8');
const en = JSON.parse(read('en')) as Record<string, string>;
const fr = JSON.parse(read('fr')) as Record<string, string>;

/** The names that a sentence fills in, at any depth. */
function names(message: unknown): string[] {
  if (!Array.isArray(message)) return [];
  return message.flatMap((token: unknown) => {
    if (!Array.isArray(token)) return [];
    const [name, , format] = token as [string, string?, unknown?];
    const inner = typeof format === 'object' && format !== null ? Object.values(format).flatMap(names) : [];
    return [name, ...inner];
  }).filter((name) => name !== '#');
}
const tags = (sentence: string) => [...sentence.matchAll(/<\/?\d+\/?>/g)].map(([tag]) => tag).toSorted();

function sources(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const full = join(path, entry.name);
    if (entry.isDirectory()) return sources(full);
    return /\.tsx?$/.test(entry.name) && !entry.name.includes('.test.') ? [full] : [];
  });
}

/** Words of product or key names that are the same in every language. */
const UNTRANSLATED = new Set(['vigie', 'Ctrl K', 'Esc', 'Ctrl ⏎', 'English', 'Français', 'UTC', 'openapi.json', 'p95']);

describe('catalogues', () => {
  it('have the same sentences in both languages, none empty', () => {
    expect(Object.keys(fr).toSorted()).toEqual(Object.keys(en).toSorted());
    for (const [id, text] of [...Object.entries(en), ...Object.entries(fr)]) expect(text, id).not.toBe('');
  });
  it('parse, and fill in the same values', () => {
    const english = compileCatalogue(read('en'));
    const french = compileCatalogue(read('fr'));
    for (const id of Object.keys(en)) {
      expect(new Set(names(french[id])), id).toEqual(new Set(names(english[id])));
      expect(tags(fr[id] ?? ''), id).toEqual(tags(en[id] ?? ''));
    }
  });
  it('are translated: a sentence of several words is not the same in both', () => {
    const same = Object.keys(en).filter((id) => en[id] === fr[id] && /[a-z]{3,} [a-z]{3,}/i.test((en[id] ?? '').replaceAll(/\{[^{}]*\}/g, '')));
    expect(same).toEqual([]);
  });
});

describe('the screen', () => {
  const files = sources(folder);
  it('has no text outside the catalogues', () => {
    const loose: string[] = [];
    for (const path of files.filter((file) => file.endsWith('.tsx'))) {
      const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
      const visit = (node: ts.Node): void => {
        const shown = ts.isJsxText(node) ? node.text.trim() : spoken(node);
        if (/\p{L}{2}/u.test(shown) && !UNTRANSLATED.has(shown)) loose.push(`${path.slice(folder.length)}: ${shown}`);
        ts.forEachChild(node, visit);
      };
      visit(file);
    }
    expect(loose).toEqual([]);
  });
  it('uses every sentence, so that none grows old unseen', () => {
    const code = files.map((path) => readFileSync(path, 'utf8')).join('\n');
    const stems = [...code.matchAll(/`([a-zA-Z]+(?:\.[a-zA-Z]+)*\.)\$\{/g)].map(([, stem]) => stem ?? '');
    const unused = Object.keys(en).filter((id) => !code.includes(`'${id}'`) && !code.includes(`"${id}"`) && !stems.some((stem) => id.startsWith(stem)));
    expect(unused).toEqual([]);
  });
});

/** The text of an attribute that a reader hears or sees. */
function spoken(node: ts.Node): string {
  if (!ts.isJsxAttribute(node) || !node.initializer || !ts.isStringLiteral(node.initializer)) return '';
  return ['aria-label', 'placeholder', 'title', 'data-tip', 'alt'].includes(node.name.getText()) ? node.initializer.text : '';
}
