// The first page: the layers at a glance, what needs attention, where to begin.
import type { Site } from './data';
import { href } from './router';
import { Markdown } from './markdown';
import { Runs } from './runs';
import { Bar, Dot, Kind, LAYER_COLORS, Link, Section, StateMark } from './ui';
import { age, moment, number, seconds, t } from './i18n';
import { stateOf } from './data';

export function HomePage({ site }: { site: Site }) {
  const { core } = site;
  const count = (kind: string) => { let sum = 0; for (let at = 0; at < site.size; at++) if (site.kind(at) === kind && !site.hidden.has(at)) sum++; return sum; };
  const troubled: number[] = [];
  const changed: number[] = [];
  for (let at = 0; at < site.size; at++) {
    const own = stateOf(site.status(at));
    const fresh = core.freshness[at];
    if (own === 'fail' || own === 'warn' || (fresh && fresh[0] !== 'pass')) troubled.push(at);
    if (core.changed[at]) changed.push(at);
  }
  changed.sort((a, b) => (core.changed[b] < core.changed[a] ? -1 : 1));
  const exposures: number[] = [];
  for (let at = 0; at < site.size; at++) if (site.kind(at) === 'exposure') exposures.push(at);
  const starts = startingPoints(site);
  const columns = core.columns.reduce((sum, it, at) => sum + (site.isData(at) ? it : 0), 0);
  return (
    <div class="page home">
      <header class="hero">
        <h1>{core.project.name || core.project.title}</h1>
        <p class="figures">
          <span><b>{number(count('model'))}</b> {t('models')}</span><span><b>{number(count('source'))}</b> {t('sources')}</span><span><b>{number(columns)}</b> {t('columnsCount')}</span>
          <span><b>{number(count('test') + count('unit_test'))}</b> {t('testsCount')}</span><span><b>{number(count('exposure'))}</b> {t('exposuresCount')}</span>
        </p>
        <p class="muted">{core.run ? `${t('lastRun')}: ${core.run.command}, ${moment(core.run.at)}, ${seconds(core.run.seconds)}` : t('neverRun')} · {t('generated')}: {moment(core.project.generated)} · {core.project.adapter}</p>
      </header>
      <Section title={t('layers')} aside={<a href={href('lineage')}>{t('openLineage')}</a>}><Layers site={site} exposures={exposures} /></Section>
      <div class="two">
        <div>
        <Section title={t('attention')}>
          {!troubled.length ? <p class="good"><StateMark state={core.run ? 'pass' : 'none'} text={core.run ? t('allGood') : t('neverRun')} /></p> : (
            <ul class="plain rows">{troubled.slice(0, 12).map((at) => (
              <li><StateMark state={site.state(at)} /> <Kind kind={site.kind(at)} /> <Link site={site} at={at} /> {core.failures[at] ? <span class="muted">{number(core.failures[at])} {t('rows')}</span> : null}{core.freshness[at]?.[1] ? <span class="muted">{age(core.freshness[at][1]!)}</span> : null}</li>
            ))}{troubled.length > 12 && <li><a href={href('quality')}>{t('more')} ({number(troubled.length - 12)})</a></li>}</ul>
          )}
        </Section>
        <Section title={t('changed')}>
          {!changed.length ? <p class="muted">{t('nothingChanged')}</p> : <ul class="plain rows">{changed.slice(0, 8).map((at) => <li><Kind kind={site.kind(at)} /> <Link site={site} at={at} /> <span class="muted">{moment(core.changed[at])}</span></li>)}</ul>}
        </Section>
        <Section title={t('lastRuns')}><Runs site={site} most={6} /></Section>
        </div>
        <Section title={t('startHere')}>
          {exposures.length > 0 && <ul class="plain rows">{exposures.slice(0, 8).map((at) => <li><Kind kind="exposure" /> <Link site={site} at={at} /> <Dot state={site.state(at)} /> <span class="muted about">{core.about[at]}</span></li>)}</ul>}
          <ul class="plain rows">{starts.map((at) => <li><Kind kind={site.kind(at)} /> <Link site={site} at={at} /> <Dot state={site.state(at)} /> <span class="muted about">{core.about[at]}</span></li>)}</ul>
        </Section>
      </div>
      {core.project.overview && <Section title={t('about')}><Markdown text={core.project.overview} /></Section>}
    </div>
  );
}

/** Models that answers are read from: of the last layer, described, with much behind them. */
function startingPoints(site: Site): number[] {
  const last = Math.max(0, ...site.core.layer);
  const scored: [number, number][] = [];
  for (let at = 0; at < site.size; at++) {
    if (site.kind(at) !== 'model' || site.hidden.has(at)) continue;
    const leaf = site.drawnChildren(at).every((it) => site.kind(it) !== 'model');
    scored.push([(last && site.core.layer[at] === last ? 6 : 0) + (site.core.about[at] ? 3 : 0) + (leaf ? 3 : 0) + Math.min(4, site.core.rank[at]) + Math.min(3, site.uses[at]), at]);
  }
  return scored.sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 8).map(([, at]) => at);
}

function Layers({ site, exposures }: { site: Site; exposures: number[] }) {
  const names = [...site.core.words.layer, ''];
  const columns = names.map((name, index) => {
    const nodes: number[] = [];
    for (let at = 0; at < site.size; at++) if (site.isData(at) && site.layer(at) === name && !site.hidden.has(at)) nodes.push(at);
    return { name: name || t('other'), query: name, nodes, color: name ? LAYER_COLORS[index % LAYER_COLORS.length] : '#8793a5' };
  }).filter((column) => column.nodes.length);
  // What belongs to no layer stands aside, behind those who read the layers.
  const aside = columns.findIndex((column) => !column.query);
  const apart = aside >= 0 ? columns.splice(aside, 1) : [];
  if (exposures.length) columns.push({ name: t('consumers'), query: '', nodes: exposures, color: '#a862c9' });
  const flowing = columns.length;
  columns.push(...apart);
  return (
    <ol class="layers">
      {columns.map((column, place) => {
        const failing = column.nodes.filter((at) => site.state(at) === 'fail').length;
        const warning = column.nodes.filter((at) => site.state(at) === 'warn').length;
        const described = column.nodes.filter((at) => site.core.about[at]).length;
        const top = [...column.nodes].sort((a, b) => site.uses[b] - site.uses[a]).slice(0, 6);
        const address = column.nodes === exposures ? href('browse', [], { kind: 'exposure' }) : href('browse', [], { layer: column.query || '-' });
        return (
          <li class={`layer-card${place + 1 < flowing ? ' flows' : ''}`} style={{ borderTopColor: column.color }}>
            <h3><a href={address}>{column.name}</a> <span class="count">{number(column.nodes.length)}</span></h3>
            <p class="layer-state">{failing > 0 && <StateMark state="fail" text={number(failing)} />}{warning > 0 && <StateMark state="warn" text={number(warning)} />}{!failing && !warning && column.nodes.some((at) => site.state(at) === 'pass') && <StateMark state="pass" />}<span class="muted"><Bar part={described} whole={column.nodes.length} title={`${t('modelsDescribed')}: ${described} / ${column.nodes.length}`} /></span></p>
            <ul class="plain">{top.map((at) => <li><Link site={site} at={at} /> <Dot state={site.state(at)} /></li>)}</ul>
            {column.nodes.length > top.length && <a class="muted" href={address}>+{number(column.nodes.length - top.length)}</a>}
          </li>
        );
      })}
    </ol>
  );
}
