// The page of one resource.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Column, Detail, Site } from './data';
import { stateOf } from './data';
import { go, href, type Route } from './router';
import { isInfluence, kindOfEdge } from './column';
import { lineageOf, Neighbourhood } from './lineage';
import { Markdown, safeLink } from './markdown';
import { History } from './runs';
import { Copy, Sql } from './sql';
import { Dot, Kind, Layer, Link, Section, StateMark, plain, useDetail } from './ui';
import { age, bytes, moment, number, seconds, t, type Word } from './i18n';

export function NodePage({ site, route }: { site: Site; route: Route }) {
  const at = site.numbers.get(route.words[0] ?? '');
  if (at === undefined) return <div class="page"><h1>{t('notFound')}</h1><p><code>{route.words[0]}</code></p></div>;
  return <Resource site={site} at={at} key={at} route={route} />;
}

function Resource({ site, at, route }: { site: Site; at: number; route: Route }) {
  const wanted = route.query.get('column') ?? '';
  const detail = useDetail(site, at);
  const kind = site.kind(at);
  const parents = site.core.parents[at];
  const drawn = site.isDrawn(at) && (site.drawnParents(at).length > 0 || site.drawnChildren(at).length > 0);
  return (
    <article class="page node">
      <nav class="crumbs" aria-label={t('folder')}>
        <a href={href('browse', [], { package: site.package(at) })}>{site.package(at)}</a>
        {site.folder(at).split('/').filter(Boolean).map((part, depth, all) => <><span aria-hidden="true"> / </span><a href={href('browse', [], { folder: all.slice(0, depth + 1).join('/') })}>{part}</a></>)}
      </nav>
      <header class="node-head">
        <h1>{site.name(at)}</h1>
        <div class="chips">
          <Kind kind={kind} /><Layer site={site} at={at} />
          {site.materialized(at) && kind !== 'source' && <span class="chip">{site.materialized(at)}</span>}
          {site.tags(at).map((tag) => <a class="chip" href={href('browse', [], { tag })}>#{tag}</a>)}
          {site.owner(at) && <a class="chip" href={href('browse', [], { owner: site.owner(at) })}>@ {site.owner(at)}</a>}
          <StateMark state={site.state(at)} />
        </div>
        <div class="actions">
          {site.isDrawn(at) && <a class="button primary" href={lineageOf(site, at)}>{t('openLineage')}</a>}
          {detail?.relation && <Copy text={detail.relation} label={t('copyName')} />}
        </div>
      </header>
      <div class="columns-layout">
        <div class="main">
          <Section title={t('description')}>
            {detail === undefined ? <p class="muted">{site.core.about[at] || t('loading')}</p>
              : detail === null ? <p class="notice">{t('broken')}</p>
              : detail.description ? <Markdown text={detail.description} /> : <p class="muted">{t('noDescription')}</p>}
            {detail?.facts?.source_description ? <Markdown text={plain(detail.facts.source_description)} className="aside" /> : null}
          </Section>
          {drawn && <Section title={t('lineage')} aside={<a href={lineageOf(site, at)}>{t('openLineage')}</a>}><Neighbourhood site={site} at={at} /></Section>}
          {detail && (site.isData(at) || !!detail.columns?.length) && <Columns site={site} at={at} detail={detail} wanted={wanted} />}
          {detail && <Tests site={site} at={at} detail={detail} />}
          {!!detail?.history?.length && <Section title={`${t('lastRuns')} (${number(detail.history.length)})`} id="runs"><History site={site} history={detail.history} /></Section>}
          {detail?.arguments && <Arguments detail={detail} />}
          {detail && (detail.raw || detail.compiled) && <Code site={site} at={at} detail={detail} route={route} />}
          {detail?.body && <Body body={detail.body} />}
          <Section title={t('dependencies')}>
            <div class="two">
              <div><h3>{t('uses')} ({number(parents.length)})</h3><NodeList site={site} nodes={parents} /></div>
              <div><h3>{t('usedBy')} ({number(site.children[at].length)})</h3><NodeList site={site} nodes={site.children[at].filter((it) => !site.isTest(it))} /></div>
            </div>
          </Section>
        </div>
        <aside class="side" aria-label={t('details')}>{detail && <Facts site={site} at={at} detail={detail} />}</aside>
      </div>
    </article>
  );
}

function NodeList({ site, nodes }: { site: Site; nodes: number[] }) {
  const [all, setAll] = useState(false);
  if (!nodes.length) return <p class="muted">{t('nothing')}</p>;
  const shown = all ? nodes : nodes.slice(0, 25);
  return (
    <ul class="plain">
      {shown.map((it) => <li><Kind kind={site.kind(it)} /> <Link site={site} at={it} /> <Dot state={site.state(it)} /></li>)}
      {shown.length < nodes.length && <li><button type="button" onClick={() => setAll(true)}>{t('more')} ({nodes.length - shown.length})</button></li>}
    </ul>
  );
}

function Columns({ site, at, detail, wanted }: { site: Site; at: number; detail: Detail; wanted: string }) {
  const [filter, setFilter] = useState('');
  const columns = detail.columns ?? [];
  const shown = useMemo(() => columns.filter((it) => `${it.name} ${it.description ?? ''}`.toLowerCase().includes(filter.toLowerCase())), [columns, filter]);
  const hasOrigins = columns.some((it) => it.from?.length || it.to?.length || it.decides?.length);
  useEffect(() => { if (wanted) document.getElementById(`column-${wanted.toLowerCase()}`)?.scrollIntoView({ block: 'center' }); }, [wanted]);
  const aside = columns.length > 12 ? <input type="search" class="filter" placeholder={t('filterColumns')} aria-label={t('filterColumns')} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} /> : undefined;
  return (
    <Section title={`${t('columns')} (${number(columns.length)})`} id="columns" aside={aside}>
      {detail.unknown && <p class="notice">{t('columnUnknown')}: {detail.unknown}</p>}
      {!!detail.decided?.length && <p class="muted small">{t('influence')}: {detail.decided.slice(0, 12).map(([node, name, kind], at) => <>{at > 0 && ', '}<a href={href('column', [site.core.id[node], name])}>{site.name(node)}.<code>{name}</code></a> ({kindOfEdge(kind)})</>)}{detail.decided.length > 12 && ` +${detail.decided.length - 12}`}</p>}
      {!columns.length ? <p class="muted">{t('noColumns')}</p> : (
        <div class="scroll"><table class="columns">
          <thead><tr><th>{t('column')}</th><th>{t('type')}</th><th>{t('description')}</th><th>{t('tests')}</th>{hasOrigins && <th>{t('from')}</th>}{hasOrigins && <th>{t('to')}</th>}</tr></thead>
          <tbody>{shown.map((column) => <ColumnRow site={site} at={at} detail={detail} column={column} origins={hasOrigins} wanted={wanted.toLowerCase() === column.name.toLowerCase()} />)}</tbody>
        </table></div>
      )}
    </Section>
  );
}

function ColumnRow({ site, at, detail, column, origins, wanted }: { site: Site; at: number; detail: Detail; column: Column; origins: boolean; wanted: boolean }) {
  const address = href('column', [site.core.id[at], column.name]);
  const values = (column.from ?? []).filter(([, , kind]) => !isInfluence(kind));
  const used = new Set([...(column.to ?? []), ...(column.decides ?? [])].map(([node]) => node)).size;
  return (
    <tr id={`column-${column.name.toLowerCase()}`} class={wanted ? 'wanted' : ''}>
      <th scope="row">{origins ? <a href={address}><code>{column.name}</code></a> : <code>{column.name}</code>}</th>
      <td><code class="type">{(column.type ?? '').toLowerCase()}</code></td>
      <td class="text">
        {column.description && <Markdown text={column.description} />}
        {column.tags?.map((tag) => <span class="chip">#{tag}</span>)}
        {column.constraints?.map((it) => <span class="chip">{plain(it.type)}{it.expression ? `: ${plain(it.expression)}` : ''}</span>)}
        {column.meta && <span class="muted small">{Object.entries(column.meta).map(([key, value]) => `${key}: ${plain(value)}`).join(' · ')}</span>}
      </td>
      <td>{column.tests?.map((test) => <a class={`test-chip ${stateOf(site.status(test))}`} href={href('node', [site.core.id[test]])} title={site.name(test)}><Dot state={stateOf(site.status(test))} /> {site.materialized(test)}</a>)}</td>
      {origins && <td>{values.slice(0, 3).map(([node, name, kind]) => <div class="origin"><a href={href('column', [site.core.id[node], name])} title={`${site.name(node)}.${name}`}>{site.name(node)}.<code>{name}</code></a> <span class="muted small">{kindOfEdge(kind)}</span></div>)}{values.length > 3 && <a href={address}>+{values.length - 3}</a>}{!values.length && (column.unknown ? <span class="muted small">{column.unknown}</span> : !detail.unknown && detail.compiled !== undefined && <span class="muted small">{t('noColumn')}</span>)}</td>}
      {origins && <td>{used > 0 && <a href={address}>{number(used)}</a>}</td>}
    </tr>
  );
}

function Tests({ site, at, detail }: { site: Site; at: number; detail: Detail }) {
  const tests = site.testsOf(at);
  if (!tests.length) return null;
  const order = { fail: 0, warn: 1, none: 2, skip: 3, pass: 4 };
  const sorted = [...tests].sort((a, b) => order[stateOf(site.status(a))] - order[stateOf(site.status(b))]);
  const own = new Set(detail.tests ?? []);
  return (
    <Section title={`${t('tests')} (${number(tests.length)})`} id="tests">
      <div class="scroll"><table>
        <thead><tr><th>{t('status')}</th><th>{t('test')}</th><th>{t('on')}</th><th>{t('failures')}</th></tr></thead>
        <tbody>{sorted.slice(0, 300).map((test) => (
          <tr><td><StateMark state={stateOf(site.status(test))} /></td><td><Link site={site} at={test} /></td><td>{own.has(test) ? '' : site.core.about[test].split(': ')[1] ?? ''}</td><td>{site.core.failures[test] ? number(site.core.failures[test]) : ''}</td></tr>
        ))}</tbody>
      </table></div>
    </Section>
  );
}

function Arguments({ detail }: { detail: Detail }) {
  return (
    <Section title={t('arguments')}>
      <div class="scroll"><table><thead><tr><th>{t('name')}</th><th>{t('type')}</th><th>{t('description')}</th></tr></thead>
        <tbody>{detail.arguments!.map((it) => <tr><th scope="row"><code>{it.name}</code></th><td><code>{it.type}</code></td><td>{it.description && <Markdown text={it.description} />}</td></tr>)}</tbody></table></div>
    </Section>
  );
}

function Code({ site, at, detail, route }: { site: Site; at: number; detail: Detail; route: Route }) {
  const compiled = !detail.raw || (route.query.get('code') === 'compiled' && !!detail.compiled);
  const setCompiled = (wish: boolean) => go(href('node', route.words, { ...Object.fromEntries(route.query.entries()), code: wish ? 'compiled' : undefined }), true);
  const both = !!detail.raw && !!detail.compiled;
  const aside = both ? (
    <div class="tabs" role="tablist">
      <button type="button" role="tab" aria-selected={!compiled} onClick={() => setCompiled(false)}>{t('source')}</button>
      <button type="button" role="tab" aria-selected={compiled} onClick={() => setCompiled(true)}>{t('compiled')}</button>
    </div>
  ) : undefined;
  return <Section title={t('code')} id="code" aside={aside}><Sql code={(compiled ? detail.compiled : detail.raw) ?? ''} site={site} at={at} /></Section>;
}

function Body({ body }: { body: Record<string, unknown> }) {
  if (!Object.keys(body).length) return null;
  return <Section title={t('definition')}><pre tabIndex={0}>{JSON.stringify(body, null, 2)}</pre></Section>;
}

const FACTS: Record<string, Word> = {
  materialized: 'materialized', schema: 'schema', database: 'databaseLabel', group: 'group', owner: 'owner', type: 'type', column: 'column', freshness: 'freshness',
};

function Facts({ site, at, detail }: { site: Site; at: number; detail: Detail }) {
  const { result, freshness } = detail;
  const facts = Object.entries(detail.facts ?? {}).filter(([key]) => key !== 'source_description' && key !== 'url');
  const url = plain(detail.facts?.url);
  const link = url ? safeLink(url) : null;
  const versions = versionsOf(site, at);
  return (
    <>
      {result && (
        <Section title={t('lastResult')}><dl class="facts">
          <dt>{t('status')}</dt><dd><StateMark state={stateOf(result.status)} text={result.status} /></dd>
          <dt>{t('when')}</dt><dd>{moment(result.at)}</dd>
          <dt>{t('duration')}</dt><dd>{seconds(result.seconds)}</dd>
          {result.failures ? <><dt>{t('failures')}</dt><dd>{number(result.failures)}</dd></> : null}
          {result.rows !== undefined && result.rows > 0 && <><dt>{t('rows')}</dt><dd>{number(result.rows)}</dd></>}
        </dl>{result.message && stateOf(result.status) !== 'pass' && <pre class="message" tabIndex={0}>{result.message}</pre>}</Section>
      )}
      {freshness && (
        <Section title={t('freshness')}><dl class="facts">
          <dt>{t('status')}</dt><dd><StateMark state={stateOf(freshness.status)} text={freshness.status === 'pass' ? t('fresh') : freshness.status} /></dd>
          {freshness.age !== undefined && <><dt>{t('age')}</dt><dd>{age(freshness.age)}</dd></>}
          {freshness.loaded && <><dt>{t('loadedAt')}</dt><dd>{moment(freshness.loaded)}</dd></>}
        </dl>{freshness.error && <pre class="message">{freshness.error}</pre>}</Section>
      )}
      <Section title={t('details')}><dl class="facts">
        {link && <><dt>URL</dt><dd><a href={link} target="_blank" rel="noopener noreferrer nofollow">{url}</a></dd></>}
        {facts.map(([key, value]) => <><dt>{key in FACTS ? t(FACTS[key]) : key.replaceAll('_', ' ')}</dt><dd>{plain(value)}</dd></>)}
        {detail.relation && <><dt>{t('relation')}</dt><dd><code>{detail.relation}</code></dd></>}
        <dt>{t('file')}</dt><dd><code>{detail.file}</code></dd>
        {detail.patch && <><dt>{t('describedIn')}</dt><dd><code>{detail.patch}</code></dd></>}
        <dt>ID</dt><dd><code>{site.core.id[at]}</code></dd>
      </dl></Section>
      {versions.length > 1 && <Section title={t('versions')}><ul class="plain">{versions.map((it) => <li><Link site={site} at={it} /></li>)}</ul></Section>}
      {detail.stats && <Section title={t('stats')}><dl class="facts">{detail.stats.map(([label, value]) => <><dt>{label}</dt><dd>{typeof value === 'number' ? (/\bsize\b/i.test(label) ? bytes(value) : number(value)) : plain(value)}</dd></>)}</dl></Section>}
      {detail.config && <Section title={t('configuration')}><dl class="facts">{Object.entries(detail.config).map(([key, value]) => <><dt>{key}</dt><dd><code>{plain(value)}</code></dd></>)}</dl></Section>}
      {detail.meta && <Section title={t('meta')}><dl class="facts">{Object.entries(detail.meta).map(([key, value]) => <><dt>{key}</dt><dd>{plain(value)}</dd></>)}</dl></Section>}
      {detail.macros && <Section title={t('macros')}><ul class="plain">{detail.macros.map((it) => <li><Link site={site} at={it} /></li>)}</ul></Section>}
    </>
  );
}

function versionsOf(site: Site, at: number): number[] {
  const parts = /^(model\..+)\.v[^.]+$/.exec(site.core.id[at]);
  if (!parts) return [];
  return site.core.id.flatMap((id, other) => (id.startsWith(`${parts[1]}.v`) && !id.slice(parts[1].length + 2).includes('.') ? [other] : []));
}
