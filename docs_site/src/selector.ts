// dbt's node selection, in the browser: `+orders`, `2+tag:daily+1`, `@source:shop`, `path:models/marts`.
// A space is a union, a comma an intersection, `--exclude` takes away.
// Source: docs.getdbt.com/reference/node-selection/syntax.
import type { Site } from './data';

export type Selected = { nodes: Set<number>; problem?: string };

export function select(site: Site, text: string): Selected {
  const [wanted, excluded] = text.split(/\s--exclude\s+|^--exclude\s+/);
  const problems: string[] = [];
  const nodes = wanted.trim() ? union(site, wanted, problems) : new Set(Array.from({ length: site.size }, (_, at) => at));
  if (excluded) for (const node of union(site, excluded, problems)) nodes.delete(node);
  return { nodes, problem: problems[0] };
}

function union(site: Site, text: string, problems: string[]): Set<number> {
  const all = new Set<number>();
  for (const part of text.trim().split(/\s+/).filter(Boolean)) {
    const sets = part.split(',').filter(Boolean).map((atom) => one(site, atom, problems));
    const [first = new Set<number>(), ...others] = sets;
    for (const node of first) if (others.every((other) => other.has(node))) all.add(node);
  }
  return all;
}

function one(site: Site, atom: string, problems: string[]): Set<number> {
  const parts = /^(@?)(?:(\d*)(\+))?(.*?)(?:(\+)(\d*))?$/.exec(atom)!;
  const [, at, upDepth, up, body, down, downDepth] = parts;
  const direct = method(site, body, problems);
  const nodes = new Set(direct);
  const take = (more: Set<number>) => more.forEach((node) => nodes.add(node));
  if (at) {
    const below = site.descendants(direct);
    take(below);
    take(site.ancestors([...direct, ...below]));
  }
  if (up) take(site.ancestors(direct, upDepth ? Number(upDepth) : Infinity));
  if (down) take(site.descendants(direct, downDepth ? Number(downDepth) : Infinity));
  return nodes;
}

function glob(pattern: string): (text: string) => boolean {
  if (!/[*?[]/.test(pattern)) return (text) => text === pattern;
  const source = pattern.replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
  try {
    const expression = new RegExp(`^${source}$`);
    return (text) => expression.test(text);
  } catch {
    return () => false;
  }
}

function method(site: Site, body: string, problems: string[]): Set<number> {
  const found = new Set<number>();
  const named = /^([a-z_.]+):(.*)$/.exec(body);
  const value = named ? named[2] : body;
  const matches = glob(value);
  const test = tester(site, named?.[1] ?? '', value, matches);
  if (!test) { problems.push(named?.[1] ?? body); return found; }
  for (let at = 0; at < site.size; at++) if (test(at)) found.add(at);
  if (!found.size) problems.push(body);
  return found;
}

function tester(site: Site, name: string, value: string, matches: (text: string) => boolean): ((at: number) => boolean) | null {
  const under = (at: number) => { const path = site.path(at); const folder = value.replace(/\/$/, ''); return path === folder || path.startsWith(`${folder}/`) || matches(path); };
  switch (name) {
    case '': return (at) => !site.isTest(at) && site.kind(at) !== 'macro' && (matches(site.name(at)) || matches(site.core.id[at]) || fqn(site, at, value, matches) || (value.includes('/') && under(at)));
    case 'fqn': return (at) => matches(site.name(at)) || fqn(site, at, value, matches);
    case 'tag': return (at) => site.tags(at).some(matches);
    case 'path': return under;
    case 'file': return (at) => matches(site.core.file[at]) || matches(site.core.file[at].replace(/\.[^.]*$/, ''));
    case 'package': return (at) => matches(site.package(at) === site.core.project.name && value === 'this' ? 'this' : site.package(at));
    case 'resource_type': return (at) => site.kind(at) === value;
    case 'source': return (at) => site.kind(at) === 'source' && (matches(site.name(at)) || matches(site.name(at).split('.')[0]));
    case 'exposure': case 'metric': case 'semantic_model': case 'saved_query': case 'unit_test': return (at) => site.kind(at) === name && matches(site.name(at));
    case 'config.materialized': return (at) => !site.isTest(at) && matches(site.materialized(at));
    case 'config.schema': return (at) => matches(site.schema(at));
    case 'test_name': return (at) => site.kind(at) === 'test' && matches(site.materialized(at));
    case 'result': return (at) => matches(site.status(at));
    case 'source_status': return (at) => matches({ pass: 'fresh' }[site.core.freshness[at]?.[0] ?? ''] ?? site.core.freshness[at]?.[0] ?? '');
    case 'layer': return (at) => matches(site.layer(at));
    case 'owner': return (at) => matches(site.owner(at));
    default: return null;
  }
}

/** `staging`, `shop.staging.orders`, `staging.*`: by the folders. */
function fqn(site: Site, at: number, value: string, matches: (text: string) => boolean): boolean {
  const folders = site.folder(at).split('/').slice(1);
  const full = [site.package(at), ...folders, site.name(at)];
  const text = full.join('.');
  return matches(text) || matches(full.slice(1).join('.')) || (!value.includes('*') && (text.startsWith(`${value}.`) || full.slice(1).join('.').startsWith(`${value}.`)));
}
