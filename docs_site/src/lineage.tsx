// The lineage page: any selection, one step more at a time, groups, paths, colours.
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Site } from './data';
import { Graph, save, savePng, type Box, type Line, type Scene } from './graph';
import { go, href, type Route } from './router';
import { select } from './selector';
import { Dot, Kind, Layer, Link, StateMark, colorOf, layerColor, useDetail } from './ui';
import { kindWord, number, seconds, t } from './i18n';

/** From so many resources on, folders are collapsed. */
const COLLAPSE_FROM = 150;
const COLOURS = ['layer', 'kind', 'materialized', 'status', 'freshness', 'duration', 'project'] as const;
type Colour = (typeof COLOURS)[number];

const STATE_COLORS = { none: '#8793a5', pass: '#2d9d78', skip: '#8793a5', warn: '#c77d1e', fail: '#d1435b' };

export function colorBy(site: Site, at: number, by: Colour): string {
  switch (by) {
    case 'kind': return colorOf(site.core.words.kind, site.kind(at));
    case 'materialized': return colorOf(site.core.words.materialized, site.materialized(at));
    case 'status': return STATE_COLORS[site.state(at)];
    case 'freshness': { const fresh = site.core.freshness[at]; return !fresh ? '#8793a5' : fresh[0] === 'pass' ? STATE_COLORS.pass : fresh[0] === 'warn' ? STATE_COLORS.warn : STATE_COLORS.fail; }
    case 'duration': { const time = site.core.seconds[at]; return time === undefined ? '#8793a5' : heat(time); }
    case 'project': return /^(#[0-9a-f]{3,8}|[a-z]+)$/i.test(site.core.color[at] ?? '') ? site.core.color[at] : '#8793a5';
    default: return layerColor(site, at);
  }
}

/** From cool to hot: below a tenth of a second to minutes. */
function heat(time: number): string {
  const share = Math.min(1, Math.max(0, (Math.log10(time) + 1) / 3.3));
  return `hsl(${Math.round(190 - 190 * share)} 65% 45%)`;
}

function legend(site: Site, nodes: Iterable<number>, by: Colour): [string, string][] {
  const found = new Map<string, string>();
  for (const at of nodes) {
    const color = colorBy(site, at, by);
    const word = by === 'layer' ? site.kind(at) === 'exposure' ? kindWord('exposure') : site.layer(at) || t('other')
      : by === 'kind' ? kindWord(site.kind(at))
      : by === 'materialized' ? site.materialized(at) || '–'
      : by === 'status' ? t(({ none: 'none', pass: 'pass', skip: 'skipState', warn: 'warn', fail: 'fail' } as const)[site.state(at)])
      : by === 'freshness' ? (site.core.freshness[at]?.[0] ?? '–') : '';
    if (word && !found.has(word)) found.set(word, color);
    if (found.size > 12) break;
  }
  if (by === 'duration') return [['0.1 s', heat(0.1)], ['1 s', heat(1)], ['10 s', heat(10)], ['2 min', heat(120)]];
  return [...found];
}

function boxOf(site: Site, at: number, by: Colour): Box {
  const kind = site.kind(at);
  const second = kind === 'model' ? site.materialized(at) : kindWord(kind);
  const time = by === 'duration' && site.core.seconds[at] !== undefined ? ` · ${seconds(site.core.seconds[at])}` : '';
  return {
    key: String(at), title: site.name(at), subtitle: `${second}${site.layer(at) ? ` · ${site.layer(at)}` : ''}${time}`,
    color: colorBy(site, at, by), state: site.state(at), rank: site.core.rank[at], order: site.core.order[at],
  };
}

interface Wish { nodes: Set<number>; by: Colour; collapse: string; opened: Set<string>; focus: number | null; path?: Set<number> }

/** The boxes and lines for a set of resources, folded as wished. */
export function sceneOf(site: Site, { nodes, by, collapse, opened, focus, path }: Wish): Scene {
  const drawn = [...nodes].filter((at) => site.isDrawn(at));
  const how = collapse || (drawn.length > COLLAPSE_FROM ? 'folder' : 'none');
  const groupName = (at: number) => (how === 'layer' ? site.layer(at) || kindWord(site.kind(at)) : site.folder(at) || site.package(at));
  const groups = new Map<string, number[]>();
  if (how !== 'none') for (const at of drawn) { const name = groupName(at); const list = groups.get(name); if (list) list.push(at); else groups.set(name, [at]); }
  const keyOf = new Map<number, string>();
  const boxes: Box[] = [];
  for (const at of drawn) {
    const name = how === 'none' ? '' : groupName(at);
    const members = groups.get(name);
    if (!members || members.length < 2 || opened.has(name) || at === focus) {
      const box = boxOf(site, at, by);
      box.before = site.drawnParents(at).filter((it) => !nodes.has(it)).length;
      box.after = site.drawnChildren(at).filter((it) => !nodes.has(it)).length;
      box.strong = at === focus || path?.has(at);
      keyOf.set(at, box.key);
      boxes.push(box);
    } else {
      keyOf.set(at, `g:${name}`);
    }
  }
  for (const [name, all] of groups) {
    const members = all.filter((at) => keyOf.get(at) === `g:${name}`);
    if (!members.length) continue;
    const worst = members.map((at) => site.state(at)).reduce((a, b) => (['none', 'pass', 'skip', 'warn', 'fail'].indexOf(a) > ['none', 'pass', 'skip', 'warn', 'fail'].indexOf(b) ? a : b));
    boxes.push({
      key: `g:${name}`, title: name.split('/').slice(-2).join('/'), subtitle: `${number(members.length)} ${t('nodes')}`, color: colorBy(site, members[0], by), state: worst,
      ...placeOf(site, members, how), members: members.length,
    });
  }
  const lines: Line[] = [];
  const seen = new Set<string>();
  for (const at of drawn) {
    for (const parent of site.core.parents[at]) {
      const [from, to] = [keyOf.get(parent), keyOf.get(at)!];
      if (!from || from === to || seen.has(`${from}\n${to}`)) continue;
      seen.add(`${from}\n${to}`);
      lines.push({ from, to, strong: !!path?.has(at) && path.has(parent) });
    }
  }
  return { boxes, lines };
}

/** Folders have places in the index; other groups stand where their members are on average. */
function placeOf(site: Site, members: number[], how: string): { rank: number; order: number } {
  const folder = site.core.folder[members[0]];
  if (how === 'folder' && site.core.folder_rank[folder] >= 0) return { rank: site.core.folder_rank[folder], order: site.core.folder_order[folder] };
  return { rank: Math.round(members.reduce((sum, at) => sum + site.core.rank[at], 0) / members.length), order: Math.min(...members.map((at) => site.core.order[at])) };
}

/** Everything on any way from one to the other, and the shortest way. */
export function between(site: Site, from: number, to: number): { nodes: Set<number>; path: number[] } {
  const below = site.descendants([from]).add(from);
  const above = site.ancestors([to]).add(to);
  const nodes = new Set([...below].filter((at) => above.has(at)));
  if (!nodes.has(from) || !nodes.has(to)) return { nodes: new Set(), path: [] };
  const came = new Map<number, number>([[from, -1]]);
  const queue = [from];
  while (queue.length) {
    const at = queue.shift()!;
    if (at === to) break;
    for (const next of site.children[at]) if (nodes.has(next) && !came.has(next)) { came.set(next, at); queue.push(next); }
  }
  const path: number[] = [];
  for (let at = to; at !== -1; at = came.get(at)!) path.unshift(at);
  return { nodes, path };
}

/** The graph that a model's page shows: itself and its neighbours. */
export function Neighbourhood({ site, at }: { site: Site; at: number }) {
  const scene = useMemo(() => sceneOf(site, { nodes: new Set([at, ...site.drawnParents(at), ...site.drawnChildren(at)]), by: 'layer', collapse: '', opened: new Set(), focus: at }), [at]);
  const largest = Math.max(1, site.drawnParents(at).length, site.drawnChildren(at).length);
  const open = (key: string) => { if (!key.startsWith('g:')) location.hash = href('node', [site.core.id[Number(key)]]); else location.hash = lineageOf(site, at); };
  return (
    <Graph
      scene={scene} selected={null} height={`${Math.min(420, Math.max(180, Math.min(largest, 8) * 58 + 60))}px`} label={t('lineage')} fitKey={String(at)} focus={String(at)}
      onSelect={(key) => { if (key && key !== String(at)) open(key); }} onOpen={open}
      onExpand={(key, side) => { location.hash = lineageOf(site, at, `${side === 'before' ? '<' : '>'}${site.core.id[Number(key)]}`); }}
    />
  );
}

export function lineageOf(site: Site, at: number, more?: string): string {
  return href('lineage', [site.core.id[at]], { more });
}

export function LineagePage({ site, route }: { site: Site; route: Route }) {
  const { query } = route;
  const focus = route.words[0] !== undefined ? site.numbers.get(route.words[0]) ?? null : null;
  const selector = query.get('select') ?? '';
  const more = query.getAll('more').flatMap((it) => it.split(' ')).filter(Boolean);
  const by = (COLOURS as readonly string[]).includes(query.get('color') ?? '') ? (query.get('color') as Colour) : 'layer';
  const collapse = query.get('collapse') ?? '';
  const openedText = query.get('open') ?? '';
  const [from, to] = [query.get('from'), query.get('to')].map((id) => (id ? site.numbers.get(id) : undefined));
  const asTable = query.get('view') === 'table';
  // What is chosen stands in the address; `at=-` is nothing, where the focus would be.
  const chosenId = query.get('at');
  const chosenAt = chosenId ? site.numbers.get(chosenId) ?? null : focus;
  const selected = chosenAt === null ? null : String(chosenAt);
  const exported = useRef<() => string>(() => '');
  const changed = (next: Record<string, string | undefined>, replace = false) => {
    const all = Object.fromEntries(query.entries());
    go(href('lineage', route.words, { ...all, ...next }), replace);
  };
  const idOf = (key: string | null) => (key === null ? (focus !== null ? '-' : undefined) : site.core.id[Number(key)]);
  const setSelected = (key: string | null) => { if (key !== selected) changed({ at: idOf(key) }, true); };

  const state = useMemo(() => {
    let nodes = new Set<number>();
    let problem: string | undefined;
    let path: number[] | undefined;
    if (from !== undefined && to !== undefined) {
      let found = between(site, from, to);
      if (!found.path.length) found = between(site, to, from);
      nodes = found.nodes;
      path = found.path;
      if (!path.length) { problem = t('noPath'); nodes = new Set([from, to]); }
    } else if (selector) {
      const found = select(site, selector);
      nodes = found.nodes;
      if (found.problem) problem = `${t('unknownSelector')}: ${found.problem}`;
    } else if (focus !== null) {
      nodes = new Set([focus, ...site.drawnParents(focus), ...site.drawnChildren(focus)]);
    } else if (from !== undefined) {
      nodes = new Set([from]);
    } else {
      for (let at = 0; at < site.size; at++) if (site.isDrawn(at) && !site.hidden.has(at)) nodes.add(at);
    }
    // What a test or macro is lies beside the drawing; its models stand for it.
    for (const at of [...nodes]) if (!site.isDrawn(at)) { nodes.delete(at); if (focus === at) site.core.parents[at].forEach((parent) => nodes.add(parent)); }
    for (const step of more) {
      const at = site.numbers.get(step.slice(1));
      if (at === undefined) continue;
      nodes.add(at);
      for (const next of step[0] === '<' ? site.drawnParents(at) : site.drawnChildren(at)) nodes.add(next);
    }
    return { nodes, problem, path };
  }, [focus, selector, from, to, more.join(' ')]);
  const opened = useMemo(() => new Set(openedText.split('|').filter(Boolean)), [openedText]);
  const scene = useMemo(() => sceneOf(site, { nodes: state.nodes, by, collapse, opened, focus, path: state.path && new Set(state.path) }), [state, by, collapse, opened, focus]);
  const fitKey = [selector, focus, from, to, collapse].join('|');

  const expand = (key: string, side: 'before' | 'after') => {
    if (key.startsWith('g:')) { changed({ open: [...opened, key.slice(2)].join('|') }); return; }
    const step = `${side === 'before' ? '<' : '>'}${site.core.id[Number(key)]}`;
    changed({ at: idOf(key), more: [...more.filter((it) => it !== step), ...(more.includes(step) ? [] : [step])].join(' ') });
  };
  const openPage = (key: string) => { if (key.startsWith('g:')) expand(key, 'after'); else location.hash = href('node', [site.core.id[Number(key)]]); };
  const chosen = selected && !selected.startsWith('g:') ? Number(selected) : null;
  const list = useMemo(() => [...state.nodes].sort((a, b) => site.core.rank[a] - site.core.rank[b] || site.core.order[a] - site.core.order[b]), [state]);

  return (
    <div class="lineage-page">
      <h1 class="visually-hidden">{t('lineage')}</h1>
      <div class="toolbar">
        <form onSubmit={(event) => { event.preventDefault(); const text = new FormData(event.currentTarget).get('select') as string; go(href('lineage', [], { select: text.trim(), color: query.get('color') ?? undefined, collapse })); }}>
          <label class="wide"><span>{t('select')}</span><input name="select" list="names" autocomplete="off" spellcheck={false} defaultValue={selector || (focus !== null ? `1+${site.name(focus)}+1` : '')} key={fitKey} placeholder="+orders+1 tag:daily, path:models/marts" /></label>
          <button type="submit">{t('apply')}</button>
        </form>
        <label><span>{t('colorBy')}</span>
          <select value={by} onChange={(event) => changed({ color: event.currentTarget.value }, true)}>
            {COLOURS.map((it) => <option value={it}>{({ layer: t('layer'), kind: t('kind'), materialized: t('materialization'), status: t('tests'), freshness: t('freshness'), duration: t('duration'), project: t('project') })[it]}</option>)}
          </select>
        </label>
        <label><span>{t('collapse')}</span>
          <select value={collapse} onChange={(event) => changed({ collapse: event.currentTarget.value, open: undefined })}>
            <option value="">{t('automatic')}</option><option value="none">{t('noCollapse')}</option><option value="folder">{t('folder')}</option><option value="layer">{t('layer')}</option>
          </select>
        </label>
        <PathForm site={site} from={from} to={to} />
        <div class="buttons">
          <button type="button" aria-pressed={asTable} onClick={() => changed({ view: asTable ? undefined : 'table' })}>{asTable ? t('graph') : t('table')}</button>
          <button type="button" onClick={() => save('lineage.svg', 'image/svg+xml', exported.current())}>{t('exportSvg')}</button>
          <button type="button" onClick={() => savePng('lineage.png', exported.current())}>{t('exportPng')}</button>
        </div>
      </div>
      <div class="legend">{legend(site, state.nodes, by).map(([word, color]) => <span><span class="swatch" style={{ background: color }} />{word}</span>)}<span class="muted">{number(state.nodes.size)} {t('nodes')}</span></div>
      {state.problem && <p class="notice" role="status">{state.problem}</p>}
      {state.path && state.path.length > 0 && <p class="path" role="status">{state.path.map((at, step) => <>{step > 0 && <span aria-hidden="true"> → </span>}<Link site={site} at={at} /></>)} <span class="muted">({state.path.length - 1} {t('pathLength')})</span></p>}
      {asTable ? (
        <div class="scroll page-table"><table>
          <thead><tr><th>{t('name')}</th><th>{t('kind')}</th><th>{t('layer')}</th><th>{t('status')}</th><th>{t('uses')}</th><th>{t('usedBy')}</th></tr></thead>
          <tbody>{list.slice(0, 2000).map((at) => (
            <tr><td><Link site={site} at={at} /></td><td><Kind kind={site.kind(at)} /></td><td>{site.layer(at)}</td><td><StateMark state={site.state(at)} /></td>
              <td>{site.drawnParents(at).slice(0, 12).map((it) => <><Link site={site} at={it} /> </>)}</td><td>{site.drawnChildren(at).slice(0, 12).map((it) => <><Link site={site} at={it} /> </>)}</td></tr>
          ))}</tbody>
        </table></div>
      ) : (
        <div class="canvas">
          {scene.boxes.length ? <Graph scene={scene} selected={selected} label={t('lineage')} fitKey={fitKey} focus={focus !== null ? String(focus) : undefined} inset={chosen !== null && innerWidth > 900 ? 330 : 0} onSelect={(key) => { if (key?.startsWith('g:')) expand(key, 'after'); else setSelected(key); }} onOpen={openPage} onExpand={expand} onDrawn={(make) => { exported.current = make; }} /> : <p class="empty">{t('emptyGraph')}</p>}
          {chosen !== null && <Panel site={site} at={chosen} close={() => setSelected(null)} expand={expand} more={more} />}
        </div>
      )}
    </div>
  );
}

function Panel({ site, at, close, expand, more }: { site: Site; at: number; close(): void; expand(key: string, side: 'before' | 'after'): void; more: string[] }) {
  const id = site.core.id[at];
  const parents = site.drawnParents(at).length;
  const children = site.drawnChildren(at).length;
  return (
    <aside class="panel" aria-live="polite" aria-label={site.name(at)}>
      <button type="button" class="close" aria-label={t('close')} onClick={close}>×</button>
      <p><Kind kind={site.kind(at)} /> <Layer site={site} at={at} /></p>
      <h2><Link site={site} at={at} /> <Dot state={site.state(at)} /></h2>
      <p>{site.core.about[at] || <span class="muted">{t('noDescription')}</span>}</p>
      <dl class="facts">
        {site.materialized(at) && <><dt>{t('materialized')}</dt><dd>{site.materialized(at)}</dd></>}
        {site.owner(at) && <><dt>{t('owner')}</dt><dd>{site.owner(at)}</dd></>}
        {site.core.columns[at] > 0 && <><dt>{t('columns')}</dt><dd>{number(site.core.columns[at])}</dd></>}
        <dt>{t('tests')}</dt><dd>{number(site.testsOf(at).length)}</dd>
        {site.core.seconds[at] !== undefined && <><dt>{t('duration')}</dt><dd>{seconds(site.core.seconds[at])}</dd></>}
      </dl>
      <PanelColumns site={site} at={at} key={at} />
      <div class="actions">
        <a class="button" href={href('node', [id])}>{t('openPage')}</a>
        {parents > 0 && <button type="button" aria-pressed={more.includes(`<${id}`)} onClick={() => expand(String(at), 'before')}>← {t('showParents')} ({parents})</button>}
        {children > 0 && <button type="button" aria-pressed={more.includes(`>${id}`)} onClick={() => expand(String(at), 'after')}>{t('showChildren')} ({children}) →</button>}
        <a class="button" href={href('lineage', [id])}>{t('focus')}</a>
        <a class="button" href={href('lineage', [], { select: `+${site.name(at)}` })}>+{site.name(at)}</a>
        <a class="button" href={href('lineage', [], { select: `${site.name(at)}+` })}>{site.name(at)}+</a>
        <a class="button" href={href('lineage', [], { ...pathQuery(), from: id })}>{t('pathFromHere')}</a>
        <a class="button" href={href('lineage', [], { ...pathQuery(), to: id })}>{t('pathToHere')}</a>
      </div>
    </aside>
  );
}

/** The columns, each with the way to its lineage. */
function PanelColumns({ site, at }: { site: Site; at: number }) {
  const [open, setOpen] = useState(false);
  const detail = useDetail(site, at);
  const columns = detail?.columns ?? [];
  if (!columns.length) return null;
  return (
    <details class="panel-columns" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('columnLineage')} ({number(columns.length)})</summary>
      {open && <ul class="plain">{columns.map((column) => <li><a href={href('column', [site.core.id[at], column.name])}><code>{column.name}</code></a></li>)}</ul>}
    </details>
  );
}

/** The ends of the path that are chosen already. */
function pathQuery(): Record<string, string | undefined> {
  const query = new URLSearchParams(location.hash.split('?')[1] ?? '');
  return { from: query.get('from') ?? undefined, to: query.get('to') ?? undefined };
}

function PathForm({ site, from, to }: { site: Site; from?: number; to?: number }) {
  const names = useMemo(() => { const all: string[] = []; for (let at = 0; at < site.size && all.length < 3000; at++) if (site.isDrawn(at)) all.push(site.name(at)); return all; }, []);
  const find = (text: string) => { for (let at = 0; at < site.size; at++) if (site.isDrawn(at) && (site.name(at) === text || site.core.id[at] === text)) return site.core.id[at]; return undefined; };
  return (
    <form onSubmit={(event) => { event.preventDefault(); const data = new FormData(event.currentTarget); go(href('lineage', [], { from: find((data.get('from') as string).trim()), to: find((data.get('to') as string).trim()) })); }}>
      <label><span>{t('pathFrom')}</span><input name="from" list="names" autocomplete="off" key={`from ${from}`} defaultValue={from !== undefined ? site.name(from) : ''} /></label>
      <label><span>{t('pathTo')}</span><input name="to" list="names" autocomplete="off" key={`to ${to}`} defaultValue={to !== undefined ? site.name(to) : ''} /></label>
      <button type="submit">{t('apply')}</button>
      <datalist id="names">{names.map((name) => <option value={name} />)}</datalist>
    </form>
  );
}

