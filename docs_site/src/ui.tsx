// Small parts that all pages share.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Detail, Site, State } from './data';
import { MARK } from './graph';
import { href } from './router';
import { kindWord, number, t } from './i18n';

export function Link({ site, at, children }: { site: Site; at: number; children?: ComponentChildren }) {
  return <a href={href('node', [site.core.id[at]])} title={site.core.id[at]}>{children ?? <Name text={site.name(at)} />}</a>;
}

/** A name that may break where its words end. */
export function Name({ text }: { text: string }) {
  return <>{text.split(/(?<=[_.])/).map((part, at) => <>{at > 0 && <wbr />}{part}</>)}</>;
}

export function Kind({ kind }: { kind: string }) { return <span class={`kind kind-${kind}`}>{kindWord(kind)}</span>; }

export function stateWord(state: State): string {
  return t(({ none: 'none', pass: 'pass', skip: 'skipState', warn: 'warn', fail: 'fail' } as const)[state]);
}

export function StateMark({ state, text }: { state: State; text?: string }) {
  if (state === 'none' && !text) return null;
  return <span class={`state ${state}`}><span aria-hidden="true">{MARK[state] || '·'}</span> {text ?? stateWord(state)}</span>;
}

/** Just the sign, its word for those who cannot see it. */
export function Dot({ state }: { state: State }) {
  if (state === 'none') return null;
  return <span class={`dot ${state}`} role="img" aria-label={stateWord(state)} title={stateWord(state)}>{MARK[state]}</span>;
}

/** A fixed colour for a word: the same on every page, seen on light and dark ground. */
const COLORS = ['#4f7fd6', '#2d9d78', '#c77d1e', '#a862c9', '#d1556b', '#3a9fb5', '#8a8f2e', '#b0683f', '#6d6fe0', '#5f9440', '#c4559f', '#70809a'];
export function colorOf(words: string[], word: string): string {
  const at = words.indexOf(word);
  return word === '' || at < 0 ? '#8793a5' : COLORS[at % COLORS.length];
}
export const LAYER_COLORS = ['#c77d1e', '#4f7fd6', '#2d9d78', '#a862c9', '#d1556b', '#3a9fb5'];
export function layerColor(site: Site, at: number): string {
  if (site.kind(at) === 'exposure') return '#a862c9';
  const layer = site.core.layer[at];
  return layer ? LAYER_COLORS[(layer - 1) % LAYER_COLORS.length] : '#8793a5';
}

export function Layer({ site, at }: { site: Site; at: number }) {
  const layer = site.layer(at);
  return layer ? <a class="chip" href={href('browse', [], { layer })}><span class="swatch" style={{ background: layerColor(site, at) }} />{layer}</a> : null;
}

export function useDetail(site: Site, at: number): Detail | undefined | null {
  const [loaded, setLoaded] = useState<{ at: number; detail: Detail | null } | undefined>(() => { const now = site.detailNow(at); return now && { at, detail: now }; });
  useEffect(() => {
    let current = true;
    site.detail(at).then((detail) => { if (current) setLoaded({ at, detail }); }, () => { if (current) setLoaded({ at, detail: null }); });
    return () => { current = false; };
  }, [at]);
  return loaded?.at === at ? loaded.detail : site.detailNow(at);
}

export function Section({ title, id, children, aside }: { title: string; id?: string; children: ComponentChildren; aside?: ComponentChildren }) {
  return <section id={id} aria-label={title}><div class="section-head"><h2>{title}</h2>{aside}</div>{children}</section>;
}

export function Bar({ part, whole, title }: { part: number; whole: number; title?: string }) {
  const share = whole ? Math.min(100, (100 * part) / whole) : 0;
  return <span class="bar" title={title ?? `${number(part)} / ${number(whole)}`}><span style={{ width: `${share}%` }} /></span>;
}

/** A long list, shown in parts. */
export function Rows<T>({ items, row, step = 200 }: { items: T[]; row(item: T, at: number): ComponentChildren; step?: number }) {
  const [count, setCount] = useState(step);
  useEffect(() => setCount(step), [items]);
  return (
    <>
      {items.slice(0, count).map(row)}
      {items.length > count && <tr class="more"><td colSpan={20}><button type="button" onClick={() => setCount(count + step * 5)}>{t('more')} ({number(items.length - count)})</button></td></tr>}
    </>
  );
}

export function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
