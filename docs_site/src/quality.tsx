// How far the project can be trusted: tests, coverage, freshness, and where the time goes.
import { useMemo } from 'preact/hooks';
import type { Site, State } from './data';
import { stateOf, worse } from './data';
import { href } from './router';
import { Runs } from './runs';
import { Bar, Kind, Link, Rows, Section, StateMark, layerColor } from './ui';
import { age, moment, number, percent, seconds, t } from './i18n';

/** The chain of nodes without which the last run could not have been shorter. */
export function criticalPath(site: Site): { nodes: number[]; time: number } {
  // Results of earlier runs are known as well: what began before the last one is none of it.
  const { run, started } = site.core;
  const begun = run ? Date.parse(run.at) - (run.seconds + 2) * 1000 : 0;
  const time = (at: number) => (started[at] && Date.parse(started[at]) < begun ? 0 : site.core.seconds[at] ?? 0);
  const best = new Float64Array(site.size).fill(-1);
  const before = new Int32Array(site.size).fill(-1);
  const visit = (start: number) => {
    const stack = [start];
    while (stack.length) {
      const at = stack[stack.length - 1];
      if (best[at] >= 0) { stack.pop(); continue; }
      const open = site.core.parents[at].filter((it) => best[it] < 0);
      if (open.length) { stack.push(...open); continue; }
      let longest = 0;
      for (const parent of site.core.parents[at]) if (best[parent] > longest) { longest = best[parent]; before[at] = parent; }
      best[at] = longest + time(at);
      stack.pop();
    }
  };
  let end = -1;
  for (let at = 0; at < site.size; at++) { visit(at); if (time(at) > 0 && (end < 0 || best[at] > best[end])) end = at; }
  const nodes: number[] = [];
  for (let at = end; at >= 0; at = before[at]) if (time(at) > 0) nodes.unshift(at);
  return { nodes, time: end >= 0 ? best[end] : 0 };
}

export function QualityPage({ site }: { site: Site }) {
  const { core } = site;
  const figures = useMemo(() => collect(site), []);
  const { tests, states, data, layers, measured, slowest } = figures;
  const path = useMemo(() => criticalPath(site), []);
  const most = Math.max(...slowest.map((at) => core.seconds[at]), 0.001);
  return (
    <div class="page">
      <h1>{t('quality')}</h1>
      <p class="muted">{core.run ? `${t('lastRun')}: ${core.run.command}, ${moment(core.run.at)}, ${seconds(core.run.seconds)}` : t('neverRun')}</p>
      <ul class="cards">
        {(['pass', 'warn', 'fail', 'none'] as State[]).map((state) => <li><b>{number(states[state] + (state === 'none' ? states.skip : 0))}</b><StateMark state={state} text={`${t('tests')}: ${t(state as 'pass')}`} /></li>)}
        <li><b>{percent(data.filter((at) => site.testsOf(at).length).length, data.length)}</b><span>{t('modelsTested')}</span></li>
        <li><b>{percent(data.filter((at) => core.about[at]).length, data.length)}</b><span>{t('modelsDescribed')}</span></li>
        <li><b>{percent(sum(data, core.documented), sum(data, core.columns))}</b><span>{t('columnsDescribed')}</span></li>
        <li><b>{percent(sum(data, core.tested), sum(data, core.columns))}</b><span>{t('columnsTested')}</span></li>
      </ul>
      <Section title={t('problems')} id="problems">
        {!figures.problems.length ? <p class="good">{core.run ? t('allGood') : t('neverRun')}</p> : (
          <div class="scroll"><table>
            <thead><tr><th>{t('status')}</th><th>{t('kind')}</th><th>{t('name')}</th><th>{t('on')}</th><th>{t('failures')} / {t('age')}</th></tr></thead>
            <tbody><Rows items={figures.problems} row={(at) => <tr><td><StateMark state={trouble(site, at)} /></td><td><Kind kind={site.kind(at)} /></td><td><Link site={site} at={at} /></td><td>{site.isTest(at) ? core.parents[at].filter((it) => site.isDrawn(it)).slice(0, 3).map((it) => <><Link site={site} at={it} /> </>) : ''}</td><td class="figure">{core.failures[at] ? number(core.failures[at]) : stale(site, at) && core.freshness[at][1] !== null ? age(core.freshness[at][1]!) : ''}</td></tr>} /></tbody>
          </table></div>
        )}
      </Section>
      <Section title={t('coverage')}>
        <div class="scroll"><table>
          <thead><tr><th>{t('layer')}</th><th>{t('resources')}</th><th>{t('modelsDescribed')}</th><th>{t('modelsTested')}</th><th>{t('columnsDescribed')}</th><th>{t('columnsTested')}</th><th>{t('freshness')}</th></tr></thead>
          <tbody>{layers.map(([name, nodes]) => (
            <tr><th scope="row"><a href={href('browse', [], { layer: name || '-' })}><span class="swatch" style={{ background: layerColor(site, nodes[0]) }} />{name || t('other')}</a></th><td class="figure">{number(nodes.length)}</td>
              <Share part={nodes.filter((at) => core.about[at]).length} whole={nodes.length} /><Share part={nodes.filter((at) => site.testsOf(at).length).length} whole={nodes.length} />
              <Share part={sum(nodes, core.documented)} whole={sum(nodes, core.columns)} /><Share part={sum(nodes, core.tested)} whole={sum(nodes, core.columns)} />
              <Share part={nodes.filter((at) => core.freshness[at]?.[0] === 'pass').length} whole={nodes.filter((at) => core.freshness[at]).length} /></tr>
          ))}</tbody>
        </table></div>
        {!tests.length && <p class="muted">{t('noTests')}</p>}
      </Section>
      <Section title={t('freshness')}>
        {!measured.length ? <p class="muted">{t('noFreshness')}</p> : (
          <div class="scroll"><table><thead><tr><th>{t('status')}</th><th>{t('name')}</th><th>{t('layer')}</th><th>{t('age')}</th></tr></thead>
            <tbody>{measured.map((at) => <tr><td><StateMark state={stateOf(core.freshness[at][0])} text={core.freshness[at][0] === 'pass' ? t('fresh') : core.freshness[at][0]} /></td><td><Link site={site} at={at} /></td><td>{site.layer(at)}</td><td>{core.freshness[at][1] !== null ? age(core.freshness[at][1]!) : ''}</td></tr>)}</tbody></table></div>
        )}
      </Section>
      <Section title={t('lastRuns')} id="runs"><Runs site={site} most={10} /></Section>
      <div class="two">
        <Section title={t('slowestModels')}>{!slowest.length ? <p class="muted">{t('neverRun')}</p> : (
          <div class="scroll"><table><tbody>{slowest.map((at) => <tr><td><Link site={site} at={at} /></td><td class="figure">{seconds(core.seconds[at])}</td><td class="barcell"><Bar part={core.seconds[at]} whole={most} title={seconds(core.seconds[at])} /></td></tr>)}</tbody></table></div>
        )}</Section>
        <Section title={t('criticalPath')}>{!path.nodes.length ? <p class="muted">{t('neverRun')}</p> : (
          <>
            <p class="muted">{t('criticalHelp')} {seconds(path.time)}{core.run && core.run.seconds > 0 ? ` (${percent(Math.min(path.time, core.run.seconds), core.run.seconds)} ${t('ofRun')})` : ''}</p>
            <div class="scroll"><table><tbody>{path.nodes.map((at) => <tr><td><Kind kind={site.kind(at)} /> <Link site={site} at={at} /></td><td class="figure">{seconds(core.seconds[at])}</td><td class="barcell"><Bar part={core.seconds[at]} whole={path.time} title={seconds(core.seconds[at])} /></td></tr>)}</tbody></table></div>
          </>
        )}</Section>
      </div>
    </div>
  );
}

function Share({ part, whole }: { part: number; whole: number }) { return <td class="figure">{percent(part, whole)}{whole > 0 && <> <Bar part={part} whole={whole} /></>}</td>; }

function sum(nodes: number[], of: number[]): number { return nodes.reduce((total, at) => total + of[at], 0); }

function stale(site: Site, at: number): boolean { const fresh = site.core.freshness[at]; return !!fresh && fresh[0] !== 'pass'; }

/** Its own result, or that its data is old. */
function trouble(site: Site, at: number): State {
  return worse(stateOf(site.status(at)), stale(site, at) ? stateOf(site.core.freshness[at][0]) : 'none');
}

function collect(site: Site) {
  const states: Record<State, number> = { none: 0, pass: 0, skip: 0, warn: 0, fail: 0 };
  const tests: number[] = [];
  const data: number[] = [];
  const problems: number[] = [];
  const measured: number[] = [];
  const timed: number[] = [];
  const byLayer = new Map<string, number[]>();
  for (let at = 0; at < site.size; at++) {
    const own = stateOf(site.status(at));
    if (site.isTest(at)) { tests.push(at); states[own]++; }
    if (['fail', 'warn'].includes(trouble(site, at))) problems.push(at);
    if (site.core.freshness[at]) measured.push(at);
    if (site.core.seconds[at] !== undefined && !site.isTest(at)) timed.push(at);
    if (!site.isData(at)) continue;
    data.push(at);
    const list = byLayer.get(site.layer(at));
    if (list) list.push(at); else byLayer.set(site.layer(at), [at]);
  }
  problems.sort((a, b) => Number(trouble(site, b) === 'fail') - Number(trouble(site, a) === 'fail'));
  measured.sort((a, b) => Number(site.core.freshness[a][0] === 'pass') - Number(site.core.freshness[b][0] === 'pass') || (site.core.freshness[b][1] ?? 0) - (site.core.freshness[a][1] ?? 0));
  const slowest = timed.sort((a, b) => site.core.seconds[b] - site.core.seconds[a]).slice(0, 15);
  const names = [...site.core.words.layer, ''];
  const layers = [...byLayer].sort((a, b) => names.indexOf(a[0]) - names.indexOf(b[0]));
  return { tests, states, data, problems, measured, slowest, layers };
}
