// Search as you type, over everything, in a dialog that `/` opens.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { document_of, type Site, type Text } from './data';
import { Search, marks, type Hit } from './search';
import { go, href } from './router';
import { Dot, Kind } from './ui';
import { number, t } from './i18n';

let engine: Search | null = null;
let reading: Promise<void> | null = null;

/** The search engine, with names at once; `ready` tells when more texts have come. */
export function searchOf(site: Site): Search { return (engine ??= new Search(site)); }

export function readTexts(site: Site, ready: () => void): Promise<void> {
  const search = searchOf(site);
  if (search.complete) return Promise.resolve();
  return (reading ??= (async () => {
    for (let at = 0; at < site.core.texts; at++) {
      search.addTexts(await document_of<Text[]>(`text-${at}`));
      ready();
    }
  })());
}

export function SearchBox({ site, initial, close }: { site: Site; initial: string; close(): void }) {
  const [text, setText] = useState(initial);
  const [chosen, setChosen] = useState(0);
  const [, setRead] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const search = searchOf(site);
  useEffect(() => {
    dialog.current!.showModal();
    input.current!.focus();
    let open = true;
    readTexts(site, () => { if (open) setRead((it) => it + 1); }).catch(() => undefined);
    return () => { open = false; };
  }, []);
  const began = performance.now();
  const hits = useMemo(() => search.query(text), [text, search.complete]);
  const took = performance.now() - began;
  useEffect(() => setChosen(0), [text]);
  useEffect(() => { list.current?.children[chosen]?.scrollIntoView({ block: 'nearest' }); }, [chosen]);
  const address = (hit: Hit) => href('node', [site.core.id[hit.node]], { column: hit.field === 'column' || hit.field === 'columnDescription' ? hit.column : undefined });
  const open = (hit: Hit) => { close(); go(address(hit)); };
  const keydown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown') setChosen(Math.min(hits.length - 1, chosen + 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(0, chosen - 1));
    else if (event.key === 'Enter' && hits[chosen]) open(hits[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={dialog} class="search" aria-label={t('search')} onClose={close} onClick={(event) => { if (event.target === dialog.current) close(); }}>
      <input
        ref={input} type="text" value={text} placeholder={t('searchHint')} aria-label={t('searchHint')} role="combobox" aria-expanded={hits.length > 0} aria-controls="hits" aria-activedescendant={hits[chosen] ? `hit-${chosen}` : undefined}
        autocomplete="off" spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={keydown}
      />
      <p class="muted small" role="status">{text ? `${number(hits.length)}${hits.length >= 60 ? '+' : ''} ${t('hits')}` : t('searchHelp')}{!search.complete && ` · ${t('searching')}`}{text && <> · <a href={href('search', [], { q: text })}>{t('linkToSearch')}</a></>}</p>
      <ul id="hits" role="listbox" ref={list} aria-label={t('search')} data-took={took.toFixed(1)} data-complete={search.complete}>
        {hits.map((hit, at) => (
          <li id={`hit-${at}`} role="option" aria-selected={at === chosen} onClick={() => open(hit)} onMouseMove={() => setChosen(at)}>
            <div><Kind kind={site.kind(hit.node)} /> <b><Marked text={site.name(hit.node)} query={text} /></b> <Dot state={site.state(hit.node)} /> <span class="muted small">{site.folder(hit.node)}</span></div>
            {hit.field !== 'name' && <div class="snippet"><span class="muted">{fieldWord(hit)}</span> <Marked text={hit.snippet ?? hit.column ?? ''} query={text} /></div>}
            {hit.field === 'name' && site.core.about[hit.node] && <div class="snippet"><Marked text={site.core.about[hit.node]} query={text} /></div>}
          </li>
        ))}
      </ul>
      {text && !hits.length && search.complete && <p class="empty">{t('noHits')}</p>}
    </dialog>
  );
}

function fieldWord(hit: Hit): string {
  switch (hit.field) {
    case 'column': return t('column');
    case 'columnDescription': return hit.column ?? t('column');
    case 'tag': return t('tag');
    case 'owner': return t('owner');
    case 'sql': return 'SQL';
    default: return t('description');
  }
}

function Marked({ text, query }: { text: string; query: string }) {
  return <>{marks(text, query).map(([part, marked]) => (marked ? <mark>{part}</mark> : part))}</>;
}
