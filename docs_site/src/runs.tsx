// The last invocations: of the project, and of one resource.
import { useState } from 'preact/hooks';
import type { Past, Site, State } from './data';
import { stateOf, worse } from './data';
import { Bar, StateMark } from './ui';
import { moment, number, seconds, t } from './i18n';

/** The last runs of the project, the newest first. */
export function Runs({ site, most }: { site: Site; most: number }) {
  const runs = [...site.core.runs].reverse();
  const [count, setCount] = useState(most);
  if (!runs.length) return <p class="muted">{t('neverRun')}</p>;
  return (
    <div class="scroll"><table class="runs">
      <thead><tr><th>{t('status')}</th><th>{t('command')}</th><th>{t('when')}</th><th>{t('duration')}</th><th>{t('results')}</th></tr></thead>
      <tbody>
        {runs.slice(0, count).map((run) => {
          const states = new Map<State, number>();
          for (const [status, many] of Object.entries(run.counts)) states.set(stateOf(status), (states.get(stateOf(status)) ?? 0) + many);
          const worst = [...states.keys()].reduce(worse, 'none' as State);
          return <tr><td><StateMark state={worst} /></td><td>{run.command}</td><td>{moment(run.at)}</td><td class="figure">{seconds(run.seconds)}</td><td>{(['fail', 'warn', 'skip', 'pass'] as State[]).filter((state) => states.get(state)).map((state) => <><StateMark state={state} text={number(states.get(state)!)} /> </>)}</td></tr>;
        })}
        {runs.length > count && <tr class="more"><td colSpan={5}><button type="button" onClick={() => setCount(runs.length)}>{t('more')} ({number(runs.length - count)})</button></td></tr>}
      </tbody>
    </table></div>
  );
}

/** How one resource went in the last invocations, the newest first. */
export function History({ site, history }: { site: Site; history: Past[] }) {
  const most = Math.max(...history.map((it) => it[2]), 0.001);
  const withRows = history.some((it) => it[4] !== null && it[4] > 0);
  const withFailures = history.some((it) => it[3]);
  return (
    <div class="scroll"><table class="runs">
      <thead><tr><th>{t('status')}</th><th>{t('when')}</th><th>{t('command')}</th>{withRows && <th>{t('rows')}</th>}{withFailures && <th>{t('failures')}</th>}<th>{t('duration')}</th><th><span class="visually-hidden">{t('duration')}</span></th></tr></thead>
      <tbody>{[...history].reverse().map(([run, status, time, failures, rows]) => {
        const of = site.core.runs[run];
        return (
          <tr><td><StateMark state={stateOf(status)} text={status} /></td><td>{moment(of?.at)}</td><td>{of?.command}</td>
            {withRows && <td class="figure">{rows !== null && rows > 0 ? number(rows) : ''}</td>}{withFailures && <td class="figure">{failures ? number(failures) : ''}</td>}
            <td class="figure">{seconds(time)}</td><td class="barcell"><Bar part={time} whole={most} title={seconds(time)} /></td></tr>
        );
      })}</tbody>
    </table></div>
  );
}
