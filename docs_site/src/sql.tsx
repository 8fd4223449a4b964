// SQL and Jinja with colours; `ref` and `source` lead to what they name.
import { useState } from 'preact/hooks';
import type { Site } from './data';
import { href } from './router';
import { t } from './i18n';

const KEYWORDS = new Set(('select from where group by order having limit offset with recursive as on using join left right inner outer full cross lateral union all intersect except distinct case when then else end and or not in exists between like ilike is null true false over partition rows range unbounded preceding following current row window qualify filter within cast interval date timestamp values insert into update delete create table view materialized temporary replace drop alter if begin commit asc desc nulls first last unnest pivot unpivot any some for set grouping sets rollup cube fetch next only tablesample returning merge matched primary key references default check constraint unique index schema database exclude').split(' '));

const LARGEST = 200_000; // characters; more would make the page slow

type Piece = [kind: string, text: string];

export function pieces(code: string): Piece[] {
  const expression = /(\{#[\s\S]*?#\}|--[^\n]*|\/\*[\s\S]*?\*\/)|(\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\})|('(?:[^']|'')*'|\$\$[\s\S]*?\$\$)|("(?:[^"]|"")*")|(\b\d+(?:\.\d+)?\b)|([A-Za-z_][A-Za-z_0-9]*)|([\s\S])/g;
  const found: Piece[] = [];
  for (const match of code.matchAll(expression)) {
    const [text, comment, jinja, string, quoted, number, word] = match;
    let kind = '';
    if (comment) kind = 'comment';
    else if (jinja) kind = 'jinja';
    else if (string) kind = 'string';
    else if (quoted) kind = 'name';
    else if (number) kind = 'number';
    else if (word) kind = KEYWORDS.has(word.toLowerCase()) ? 'keyword' : code[match.index + text.length] === '(' ? 'function' : '';
    const last = found[found.length - 1];
    if (last && last[0] === kind && !kind) last[1] += text;
    else found.push([kind, text]);
  }
  return found;
}

/** `ref('x')` and `source('a', 'b')` inside of Jinja, as links. */
function jinja(text: string, links: Map<string, string>) {
  const parts = text.split(/((?:ref|source)\s*\([^()]*\))/);
  return parts.map((part) => {
    const call = /^(ref|source)\s*\(([^()]*)\)$/.exec(part);
    if (!call) return part;
    const words = [...call[2].matchAll(/['"]([^'"]+)['"]/g)].map((it) => it[1]);
    const target = call[1] === 'source' ? links.get(words.slice(0, 2).join('.')) : links.get(words[words.length - 1]);
    return target ? <a href={target}>{part}</a> : part;
  });
}

export function Sql({ code, site, at }: { code: string; site: Site; at: number }) {
  const links = new Map<string, string>();
  for (const parent of site.core.parents[at]) {
    const address = href('node', [site.core.id[parent]]);
    links.set(site.name(parent), address);
    links.set(site.name(parent).replace(/\.v[^.]+$/, ''), address);
  }
  return (
    <div class="code">
      <Copy text={code} />
      <pre tabIndex={0}><code>{code.length > LARGEST ? code : pieces(code).map(([kind, text]) => (kind ? <span class={`sql-${kind}`}>{kind === 'jinja' ? jinja(text, links) : text}</span> : text))}</code></pre>
    </div>
  );
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button type="button" class="copy" onClick={copy}>{done ? t('copied') : label ?? t('copy')}</button>;
}
