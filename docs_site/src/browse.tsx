// All resources as a table with filters, and the project's folders as a tree.
import { useMemo, useState } from 'preact/hooks';
import type { Site } from './data';
import { go, href, type Route } from './router';
import { Dot, Kind, Link, Rows, StateMark, layerColor } from './ui';
import { kindWord, number, seconds, t } from './i18n';

const FILTERS = ['kind', 'layer', 'folder', 'tag', 'owner', 'package', 'materialized', 'status'] as const;

export function BrowsePage({ site, route }: { site: Site; route: Route }) {
  const query = Object.fromEntries(route.query.entries());
  const [text, setText] = useState('');
  const set = (key: string, value: string) => go(href('browse', [], { ...query, [key]: value || undefined }), true);
  const nodes = useMemo(() => {
    const found: number[] = [];
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (let at = 0; at < site.size; at++) {
      if (site.hidden.has(at) || !matches(site, at, query)) continue;
      const own = `${site.name(at)} ${site.core.about[at]}`.toLowerCase();
      if (words.every((word) => own.includes(word))) found.push(at);
    }
    const [key, turned] = (query.sort ?? '').split('-');
    const value = SORTS[key];
    if (value) found.sort((a, b) => { const [x, y] = [value(site, a), value(site, b)]; return x < y ? -1 : x > y ? 1 : a - b; });
    return turned ? found.reverse() : found;
  }, [route, text]);
  const head = (key: string, word: string) => <th aria-sort={query.sort === key ? 'ascending' : query.sort === `${key}-` ? 'descending' : 'none'}><button type="button" class="sort" onClick={() => set('sort', query.sort === key ? `${key}-down` : key)}>{word}{query.sort?.startsWith(key) ? (query.sort === key ? ' ↑' : ' ↓') : ''}</button></th>;
  return (
    <div class="browse">
      <aside class="tree" aria-label={t('tree')}><Tree site={site} current={query.folder ?? ''} /></aside>
      <div class="page">
        <h1>{t('browse')} <small class="muted">{number(nodes.length)} {t('resources')}</small></h1>
        <div class="toolbar">
          <label class="wide"><span>{t('filter')}</span><input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
          {FILTERS.filter((key) => key !== 'folder').map((key) => {
            const words = key === 'status' ? ['fail', 'warn', 'pass', 'none'] : (site.core.words[key as 'kind'] ?? []).filter(Boolean).slice().sort();
            return words.length > (key === 'status' ? 0 : 1) ? (
              <label><span>{t(key)}</span><select value={query[key] ?? ''} onChange={(event) => set(key, event.currentTarget.value)}>
                <option value="">{t('all')}</option>
                {words.slice(0, 500).map((word) => <option value={word}>{key === 'kind' ? kindWord(word) : key === 'status' ? t(word as 'pass') : word}</option>)}
              </select></label>
            ) : null;
          })}
          {query.folder && <a class="chip" href={href('browse', [], { ...query, folder: undefined })}>{query.folder} ×</a>}
        </div>
        <div class="scroll"><table class="list">
          <thead><tr>{head('name', t('name'))}<th>{t('kind')}</th>{head('layer', t('layer'))}<th>{t('description')}</th>{head('columns', t('columns'))}{head('tests', t('tests'))}{head('uses', t('usedBy'))}{head('time', t('duration'))}<th>{t('status')}</th></tr></thead>
          <tbody><Rows items={nodes} row={(at) => (
            <tr key={at}>
              <td><Link site={site} at={at} /></td><td><Kind kind={site.kind(at)} /></td>
              <td class="nowrap">{site.layer(at) && <><span class="swatch" style={{ background: layerColor(site, at) }} />{site.layer(at)}</>}</td>
              <td class="about">{site.core.about[at]}</td><td class="figure">{site.core.columns[at] || ''}</td><td class="figure">{site.isTest(at) ? '' : site.testsOf(at).length || ''}</td><td class="figure">{site.uses[at] || ''}</td>
              <td class="figure">{site.core.seconds[at] !== undefined ? seconds(site.core.seconds[at]) : ''}</td><td><StateMark state={site.state(at)} /></td>
            </tr>
          )} /></tbody>
        </table></div>
      </div>
    </div>
  );
}

const SORTS: Record<string, (site: Site, at: number) => string | number> = {
  name: (site, at) => site.name(at), layer: (site, at) => site.core.layer[at], columns: (site, at) => site.core.columns[at], tests: (site, at) => site.testsOf(at).length,
  uses: (site, at) => site.uses[at], time: (site, at) => site.core.seconds[at] ?? -1,
};

function matches(site: Site, at: number, query: Record<string, string>): boolean {
  if (!query.kind && (site.isTest(at) || site.kind(at) === 'macro') && !query.status) return false;
  if (query.kind && site.kind(at) !== query.kind) return false;
  if (query.layer && (site.layer(at) || '-') !== query.layer) return false;
  if (query.folder) { const folder = site.folder(at); if (folder !== query.folder && !folder.startsWith(`${query.folder}/`)) return false; }
  if (query.tag && !site.tags(at).includes(query.tag)) return false;
  if (query.owner && site.owner(at) !== query.owner) return false;
  if (query.package && site.package(at) !== query.package) return false;
  if (query.materialized && site.materialized(at) !== query.materialized) return false;
  if (query.status && site.state(at) !== query.status) return false;
  return true;
}

interface Folder { name: string; path: string; folders: Map<string, Folder>; nodes: number[]; count: number }

function Tree({ site, current }: { site: Site; current: string }) {
  const root = useMemo(() => {
    const top: Folder = { name: '', path: '', folders: new Map(), nodes: [], count: 0 };
    for (let at = 0; at < site.size; at++) {
      if (site.isTest(at) || site.hidden.has(at)) continue;
      let folder = top;
      let path = '';
      for (const part of site.folder(at).split('/').filter(Boolean)) {
        path = path ? `${path}/${part}` : part;
        let next = folder.folders.get(part);
        if (!next) { next = { name: part, path, folders: new Map(), nodes: [], count: 0 }; folder.folders.set(part, next); }
        folder = next;
        folder.count++;
      }
      folder.nodes.push(at);
    }
    return top;
  }, []);
  return <nav><h2>{t('tree')}</h2><Branch site={site} folder={root} current={current} /></nav>;
}

function Branch({ site, folder, current }: { site: Site; folder: Folder; current: string }) {
  const [count, setCount] = useState(100);
  return (
    <ul>
      {[...folder.folders.values()].sort((a, b) => a.name.localeCompare(b.name)).map((it) => <Leafage site={site} folder={it} current={current} key={it.path} />)}
      {folder.path && folder.nodes.slice(0, count).map((at) => <li key={at}><Link site={site} at={at} /> <Dot state={site.state(at)} /></li>)}
      {folder.path && folder.nodes.length > count && <li><button type="button" onClick={() => setCount(count + 400)}>{t('more')}</button></li>}
    </ul>
  );
}

function Leafage({ site, folder, current }: { site: Site; folder: Folder; current: string }) {
  const inside = current === folder.path || current.startsWith(`${folder.path}/`);
  const [open, setOpen] = useState<boolean | null>(null);
  const isOpen = open ?? (inside || (!folder.path.includes('/') && folder.count < 60));
  return (
    <li>
      <span class="folder"><button type="button" class="twist" aria-expanded={isOpen} aria-label={folder.name} onClick={() => setOpen(!isOpen)}>{isOpen ? '▾' : '▸'}</button><a href={href('browse', [], { folder: folder.path })} aria-current={current === folder.path ? 'page' : undefined}>{folder.name}</a> <span class="muted small">{folder.count}</span></span>
      {isOpen && <Branch site={site} folder={folder} current={current} />}
    </li>
  );
}
