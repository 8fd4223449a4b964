// Addresses: every state of the page has one, behind `#`, so that it can be shared and gone back to.
import { useEffect, useState } from 'preact/hooks';

export interface Route { page: string; words: string[]; query: URLSearchParams }

function decoded(text: string): string {
  try { return decodeURIComponent(text); } catch { return text; }
}

export function parse(hash: string): Route {
  // Addresses of dbt's docs page: `#!/model/model.shop.orders`, `#!/source/...?g_v=1`.
  const old = /^#!\/([a-z_]+)\/([^?#]+)/.exec(hash);
  if (old) return { page: 'node', words: [decoded(old[2])], query: new URLSearchParams() };
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [page = '', ...words] = path.split('/').map(decoded);
  return { page, words, query: new URLSearchParams(query) };
}

export function href(page: string, words: string[] = [], query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value) search.set(key, value);
  const text = search.toString();
  return `#/${[page, ...words.map(encodeURIComponent)].join('/')}${text ? `?${text}` : ''}`;
}

export function go(address: string, replace = false) {
  if (location.hash === address) return;
  if (replace) {
    history.replaceState(null, '', address);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = address;
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return route;
}
