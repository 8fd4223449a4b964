// The lineage of one column: what it is made of, what is made of it, what a change would touch.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Column, Site } from './data';
import { Graph, save, savePng, type Box, type Line, type Scene } from './graph';
import { go, href, type Route } from './router';
import { Kind, Link, Section, layerColor } from './ui';
import { kindWord, number, t } from './i18n';

/** Columns that are followed at most, each way. */
const MOST = 400;

export interface Step { node: number; column: string; kind: string; depth: number; fromNode: number; fromColumn: string }

export function kindOfEdge(kind: string): string {
  const words: Record<string, string> = { copied: t('copiedKind'), renamed: t('renamed'), derived: t('derived'), aggregated: t('aggregated'), filter: t('filtered'), join: t('joined'), group: t('grouped'), sort: t('sorted') };
  return words[kind] ?? kind;
}

/** Whether it only decides on rows and gives no value. */
export function isInfluence(kind: string): boolean { return kind === 'filter' || kind === 'join' || kind === 'group' || kind === 'sort'; }

export async function trace(site: Site, node: number, column: string, side: 'from' | 'to'): Promise<Step[]> {
  const found: Step[] = [];
  const seen = new Set([`${node}\n${column.toLowerCase()}`]);
  let edge: [number, string][] = [[node, column]];
  for (let depth = 1; edge.length && found.length < MOST; depth++) {
    const next: [number, string][] = [];
    for (const [at, name] of edge) {
      const detail = await site.detail(at);
      const here = detail.columns?.find((it) => it.name.toLowerCase() === name.toLowerCase());
      // Of what decides on rows only the first step is told: nearly everything hangs on the rest.
      const decisions = depth > 1 ? [] : side === 'from' ? detail.decided ?? [] : here?.decides ?? [];
      const own = here?.[side] ?? [];
      for (const [other, otherColumn, kind] of [...own, ...decisions]) {
        found.push({ node: other, column: otherColumn, kind, depth, fromNode: at, fromColumn: side === 'from' && isInfluence(kind) ? '' : name });
        const key = `${other}\n${otherColumn.toLowerCase()}`;
        if (!seen.has(key) && !isInfluence(kind)) { seen.add(key); next.push([other, otherColumn]); }
      }
    }
    edge = next;
  }
  return found;
}

export function ColumnPage({ site, route }: { site: Site; route: Route }) {
  const at = site.numbers.get(route.words[0] ?? '');
  const name = route.words[1] ?? '';
  const [found, setFound] = useState<{ key: string; up: Step[]; down: Step[]; column?: Column; unknown?: string } | null>(null);
  const [selected, setSelected] = useState<string | null>(null);
  const exported = useRef<() => string>(() => '');
  const key = `${at} ${name}`;
  useEffect(() => {
    if (at === undefined) return undefined;
    let current = true;
    Promise.all([trace(site, at, name, 'from'), trace(site, at, name, 'to'), site.detail(at)]).then(([up, down, detail]) => {
      if (current) setFound({ key, up, down, column: detail.columns?.find((it) => it.name.toLowerCase() === name.toLowerCase()), unknown: detail.unknown });
    }, () => { if (current) setFound({ key, up: [], down: [] }); });
    return () => { current = false; };
  }, [key]);
  const scene = useMemo(() => (found && at !== undefined ? columnScene(site, at, name, found.up, found.down) : null), [found]);
  if (at === undefined) return <p class="empty">{t('notFound')}</p>;
  const ready = found?.key === key ? found : null;
  const openRow = (box: string, row: number) => { const column = scene?.boxes.find((it) => it.key === box)?.rows?.[row]?.name; if (column) go(href('column', [site.core.id[Number(box)], column])); };
  const touched = ready ? [...new Set(ready.down.map((it) => it.node))] : [];
  const exposures = [...site.descendants([at, ...touched.filter((it) => ready!.down.some((step) => step.node === it && !isInfluence(step.kind)))])].filter((it) => site.kind(it) === 'exposure' && site.core.parents[it].some((parent) => parent === at || touched.includes(parent)));
  return (
    <div class="column-page">
      <nav class="crumbs" aria-label={t('columnLineage')}><Kind kind={site.kind(at)} /> <Link site={site} at={at} /> <span aria-hidden="true">›</span></nav>
      <h1><code>{name}</code> <small>{t('columnLineage')}</small></h1>
      {ready?.column?.description && <p>{ready.column.description}</p>}
      {[ready?.unknown, ready?.column?.unknown].filter(Boolean).map((it) => <p class="notice">{t('columnUnknown')}: {it}</p>)}
      {!ready ? <p class="empty">{t('loading')}</p> : !ready.up.length && !ready.down.length ? <p class="empty">{t('noColumnLineage')}</p> : (
        <>
          <div class="legend">
            <span><svg width="30" height="8" aria-hidden="true"><path d="M0,4H30" class="line" /></svg> {kindOfEdge('copied')}, {kindOfEdge('renamed')}, {kindOfEdge('derived')}, {kindOfEdge('aggregated')}</span>
            <span><svg width="30" height="8" aria-hidden="true"><path d="M0,4H30" class="line dashed" /></svg> {t('influence')}</span>
            <button type="button" onClick={() => save(`${name}.svg`, 'image/svg+xml', exported.current())}>{t('exportSvg')}</button>
            <button type="button" onClick={() => savePng(`${name}.png`, exported.current())}>{t('exportPng')}</button>
          </div>
          <Graph scene={scene!} selected={selected} height="min(58vh, 560px)" label={t('columnLineage')} fitKey={key} focus={String(at)} onSelect={setSelected} onOpen={(box) => { location.hash = href('node', [site.core.id[Number(box)]]); }} onRow={openRow} onDrawn={(make) => { exported.current = make; }} />
          <div class="two">
            <Steps site={site} title={t('origins')} steps={ready.up} />
            <Steps site={site} title={t('impact')} steps={ready.down} />
          </div>
          {exposures.length > 0 && <Section title={t('exposuresTouched')}><ul class="plain">{exposures.map((it) => <li><Kind kind="exposure" /> <Link site={site} at={it} /> <span class="muted">{site.owner(it)}</span></li>)}</ul></Section>}
        </>
      )}
    </div>
  );
}

function Steps({ site, title, steps }: { site: Site; title: string; steps: Step[] }) {
  const sorted = [...steps].sort((a, b) => a.depth - b.depth || Number(isInfluence(a.kind)) - Number(isInfluence(b.kind)));
  return (
    <Section title={`${title} (${number(steps.length)})`}>
      {!steps.length ? <p class="muted">{t('nothing')}</p> : (
        <div class="scroll"><table>
          <thead><tr><th>{t('column')}</th><th>{t('kind')}</th><th>{t('steps')}</th></tr></thead>
          <tbody>{sorted.map((it) => <tr class={isInfluence(it.kind) ? 'muted' : ''}><td><Link site={site} at={it.node} />{it.column && <>.<a href={href('column', [site.core.id[it.node], it.column])}><code>{it.column}</code></a></>}</td><td>{kindOfEdge(it.kind)}</td><td>{it.depth}</td></tr>)}</tbody>
        </table></div>
      )}
    </Section>
  );
}

function dotted(site: Site, node: number, column: string): string { return column ? `${site.name(node)}.${column}` : site.name(node); }

function columnScene(site: Site, at: number, name: string, up: Step[], down: Step[]): Scene {
  const rows = new Map<number, string[]>();
  const row = (node: number, column: string) => {
    const list = rows.get(node) ?? [];
    rows.set(node, list);
    if (!column) return -1; // all of it: the line ends at the head of the box
    const known = list.findIndex((it) => it.toLowerCase() === column.toLowerCase());
    return known >= 0 ? known : list.push(column) - 1;
  };
  row(at, name);
  const lines: Line[] = [];
  const add = (fromNode: number, fromColumn: string, toNode: number, toColumn: string, kind: string) => lines.push({
    from: String(fromNode), to: String(toNode), fromRow: row(fromNode, fromColumn), toRow: row(toNode, toColumn), dashed: isInfluence(kind),
    title: `${dotted(site, fromNode, fromColumn)} → ${dotted(site, toNode, toColumn)}: ${kindOfEdge(kind)}`,
  });
  for (const step of up) add(step.node, step.column, step.fromNode, step.fromColumn, step.kind);
  for (const step of down) add(step.fromNode, step.fromColumn, step.node, step.column, step.kind);
  const boxes: Box[] = [...rows].map(([node, names]) => ({
    key: String(node), title: site.name(node), subtitle: kindWord(site.kind(node)), color: layerColor(site, node), state: 'none', rank: site.core.rank[node], order: site.core.order[node], strong: node === at,
    rows: names.map((it) => ({ name: it, marked: node === at && it.toLowerCase() === name.toLowerCase() })),
  }));
  return { boxes, lines };
}
