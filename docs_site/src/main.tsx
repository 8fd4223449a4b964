// The site: head, pages by address, search, theme, language.
import { render } from 'preact';
import { useEffect, useErrorBoundary, useState } from 'preact/hooks';
import './style.css';
import { BrowsePage } from './browse';
import { ColumnPage } from './column';
import { document_of, Site, type Core } from './data';
import { HomePage } from './home';
import { current, remember, setLanguage, storedTheme, t, type Word } from './i18n';
import { LineagePage } from './lineage';
import { NodePage } from './node';
import { QualityPage } from './quality';
import { go, href, parse, useRoute, type Route } from './router';
import { SearchBox } from './searchbox';

const PAGES: [string, Word][] = [['', 'home'], ['browse', 'browse'], ['lineage', 'lineage'], ['quality', 'quality']];

function applyTheme(theme: string) {
  const dark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}
applyTheme(storedTheme());

function Page({ site, route }: { site: Site; route: Route }) {
  const [problem, reset] = useErrorBoundary((error) => console.error(error));
  useEffect(() => { if (problem) reset(); }, [route]);
  if (problem) return <div class="page"><h1>{t('broken')}</h1><pre>{String(problem)}</pre></div>;
  switch (route.page) {
    case '': case 'search': return <HomePage site={site} />;
    case 'browse': return <BrowsePage site={site} route={route} />;
    case 'node': return <NodePage site={site} route={route} />;
    case 'lineage': return <LineagePage site={site} route={route} />;
    case 'column': return <ColumnPage site={site} route={route} />;
    case 'quality': return <QualityPage site={site} />;
    default: return <div class="page"><h1>{t('notFound')}</h1></div>;
  }
}

function App({ site }: { site: Site }) {
  const route = useRoute();
  const [searching, setSearching] = useState(false);
  // A search that was shared lies over the first page.
  const shared = route.page === 'search';
  const closeSearch = () => { setSearching(false); if (parse(location.hash).page === 'search') go(href(''), true); };
  const [language, changeLanguage] = useState(current());
  const [theme, changeTheme] = useState(storedTheme());
  useEffect(() => {
    const keydown = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
      if ((event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) || (event.key === 'k' && (event.ctrlKey || event.metaKey))) { event.preventDefault(); setSearching(true); }
    };
    document.addEventListener('keydown', keydown);
    return () => document.removeEventListener('keydown', keydown);
  }, []);
  useEffect(() => {
    applyTheme(theme);
    const media = matchMedia('(prefers-color-scheme: dark)');
    const changed = () => applyTheme(theme);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, [theme]);
  // A new page begins at its top, and says its name.
  useEffect(() => {
    const at = route.page === 'node' || route.page === 'column' ? site.numbers.get(route.words[0]) : undefined;
    const page = PAGES.find(([page]) => page === route.page);
    const word = at !== undefined ? site.name(at) + (route.page === 'column' ? `.${route.words[1]}` : '') : page ? t(page[1]) : '';
    document.title = `${word} · ${site.core.project.name || site.core.project.title}`;
  }, [route, language]);
  useEffect(() => { if (!route.query.get('column')) window.scrollTo(0, 0); }, [`${route.page}/${route.words.join('/')}`]);
  const next = { auto: 'light', light: 'dark', dark: 'auto' }[theme] ?? 'auto';
  return (
    <>
      <a class="skip" href="#content" onClick={(event) => { event.preventDefault(); document.getElementById('content')?.focus(); }}>{t('skip')}</a>
      <header class="top">
        <a class="brand" href={href('')}>{site.core.project.name || 'tform'}</a>
        <nav aria-label={t('tree')}>{PAGES.map(([page, word]) => <a href={href(page)} aria-current={route.page === page ? 'page' : undefined}>{t(word)}</a>)}</nav>
        <button type="button" class="open-search" onClick={() => setSearching(true)}><span>{t('search')}…</span><kbd>/</kbd></button>
        <button type="button" class="theme" aria-label={`${t('theme')}: ${t(theme as Word)}`} title={`${t('theme')}: ${t(theme as Word)}`} onClick={() => { remember('tform.theme', next); changeTheme(next); }}>{{ auto: '◐', light: '☀', dark: '☾' }[theme]}</button>
        <button type="button" class="language" lang={language === 'ko' ? 'en' : 'ko'} onClick={() => { const other = language === 'ko' ? 'en' : 'ko'; setLanguage(other); changeLanguage(other); }}>{language === 'ko' ? 'English' : '한국어'}</button>
      </header>
      <main id="content" tabIndex={-1} key={language}><Page site={site} route={route} /></main>
      {(searching || shared) && <SearchBox site={site} initial={shared ? route.query.get('q') ?? '' : ''} close={closeSearch} key={shared ? route.query.get('q') ?? '' : ''} />}
    </>
  );
}

document_of<Core>('core').then(
  (core) => {
    render(<App site={new Site(core)} />, document.getElementById('app')!);
    document.documentElement.dataset.ready = 'true';
  },
  (problem: Error) => { document.getElementById('app')!.textContent = `${t('broken')}: ${problem.message}`; },
);
