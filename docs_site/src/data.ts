// The project's data: loading the packed files, and the index of all resources.
//
// Files are classic scripts that call `__tform.load(name, packed)`; in the one-page form the
// packed documents stand in the page. Everything in them is data, never markup or code.

export interface Core {
  project: {
    title: string; name: string; overview: string; adapter: string; generated: string; language: string; version: string; catalog: boolean;
  };
  shard: number;
  texts: number;
  words: Record<'kind' | 'package' | 'folder' | 'schema' | 'materialized' | 'owner' | 'tag' | 'status' | 'layer', string[]>;
  id: string[]; name: string[]; file: string[]; about: string[];
  kind: number[]; package: number[]; folder: number[]; schema: number[]; materialized: number[]; owner: number[]; layer: number[]; status: number[];
  tags: Record<number, number[]>;
  parents: number[][];
  columns: number[]; documented: number[]; tested: number[];
  seconds: Record<number, number>; started: Record<number, string>; failures: Record<number, number>;
  freshness: Record<number, [string, number | null]>;
  rows: Record<number, number>; changed: Record<number, string>; color: Record<number, string>;
  hidden: number[];
  rank: number[]; order: number[];
  /** Where folders stand that are drawn in place of what is in them, by folder. */
  folder_rank: number[]; folder_order: number[];
  groups: { name: string; owner: { name?: string; email?: unknown }; description?: string }[];
  run: { command: string; at: string; seconds: number } | null;
  /** The last invocations that ran nodes, the oldest first. */
  runs: { command: string; at: string; seconds: number; counts: Record<string, number> }[];
  lineage: boolean;
}

export type ColumnEdge = [node: number, column: string, kind: string];

export interface Column {
  name: string; type?: string; description?: string; tags?: string[]; meta?: Record<string, unknown>; constraints?: Record<string, unknown>[];
  tests?: number[]; from?: ColumnEdge[]; to?: ColumnEdge[]; decides?: ColumnEdge[]; unknown?: string;
}

export interface Detail {
  description?: string; columns?: Column[]; tests?: number[]; raw?: string; compiled?: string; file: string; patch?: string; relation?: string;
  facts?: Record<string, unknown>; config?: Record<string, unknown>; meta?: Record<string, unknown>; stats?: [string, unknown][];
  result?: { status: string; seconds: number; at: string; message?: string; failures?: number; rows?: number };
  /** How it went in the last invocations, the oldest first. */
  history?: Past[];
  freshness?: { status: string; loaded?: string; at?: string; age?: number; error?: string };
  macros?: number[]; arguments?: { name: string; type?: string; description?: string }[]; unknown?: string; notes?: string[]; decided?: ColumnEdge[]; body?: Record<string, unknown>;
}

/** One of the last invocations, and how it went there. */
export type Past = [run: number, status: string, seconds: number, failures: number | null, rows: number | null];

/** What full-text search reads: kind, text, owners, names of the columns described. */
export type Text = ['d' | 'c' | 'n' | 's', string, number[], string[]];

declare global {
  interface Window { __tform: { load(name: string, packed: string): void } }
}

const pending = new Map<string, { promise: Promise<unknown>; resolve(value: unknown): void; reject(problem: Error): void }>();
/** Changes with the data, so that browsers never mix two sites. */
const stamp = document.documentElement.dataset.stamp ?? '';

function slot(name: string) {
  let found = pending.get(name);
  if (!found) {
    let resolve!: (value: unknown) => void;
    let reject!: (problem: Error) => void;
    const promise = new Promise<unknown>((yes, no) => { resolve = yes; reject = no; });
    found = { promise, resolve, reject };
    pending.set(name, found);
  }
  return found;
}

async function unpack(packed: string): Promise<unknown> {
  const binary = atob(packed);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).json();
}

window.__tform = {
  load(name, packed) {
    const { resolve, reject } = slot(name);
    unpack(packed).then(resolve, reject);
  },
};

/** When the whole page is there, with all the blocks of data that it holds. */
const whole = new Promise<void>((resolve) => {
  if (document.readyState !== 'loading') resolve();
  else document.addEventListener('DOMContentLoaded', () => resolve());
});

function load(name: string): boolean {
  const block = document.getElementById(`tform-${name}`);
  // A block is whole once something stands behind it.
  if (!block || (document.readyState === 'loading' && !block.nextElementSibling)) return false;
  window.__tform.load(name, block.textContent ?? '');
  return true;
}

const asked = new Set<string>();

/** The document of that name: from the page if it stands there, else from the folder beside it. */
export function document_of<T>(name: string): Promise<T> {
  const found = slot(name);
  if (!asked.has(name)) {
    asked.add(name);
    if (!load(name)) whole.then(() => {
      if (load(name)) return;
      const script = document.createElement('script');
      script.src = `site/${name}.js${stamp}`;
      script.onerror = () => found.reject(new Error(`site/${name}.js is missing: the folder \`site\` belongs beside this page`));
      document.head.append(script);
    });
  }
  return found.promise as Promise<T>;
}

/** Kinds that stand in the drawings of the graph. */
const UNDRAWN = new Set(['test', 'unit_test', 'macro']);

export class Site {
  readonly size: number;
  readonly children: number[][];
  readonly numbers = new Map<string, number>();
  readonly hidden: Set<number>;
  private details = new Map<number, Detail[]>();
  /** How many drawn resources depend on each, directly. */
  readonly uses: Uint32Array;

  constructor(readonly core: Core) {
    this.size = core.id.length;
    this.children = core.id.map(() => []);
    this.uses = new Uint32Array(this.size);
    this.hidden = new Set(core.hidden);
    core.id.forEach((id, at) => this.numbers.set(id, at));
    core.parents.forEach((parents, at) => parents.forEach((parent) => {
      this.children[parent].push(at);
      if (this.isDrawn(at)) this.uses[parent]++;
    }));
  }

  kind(at: number): string { return this.core.words.kind[this.core.kind[at]]; }
  folder(at: number): string { return this.core.words.folder[this.core.folder[at]]; }
  package(at: number): string { return this.core.words.package[this.core.package[at]]; }
  schema(at: number): string { return this.core.words.schema[this.core.schema[at]]; }
  materialized(at: number): string { return this.core.words.materialized[this.core.materialized[at]]; }
  owner(at: number): string { return this.core.words.owner[this.core.owner[at]]; }
  status(at: number): string { return this.core.words.status[this.core.status[at]]; }
  tags(at: number): string[] { return (this.core.tags[at] ?? []).map((tag) => this.core.words.tag[tag]); }
  layer(at: number): string { return this.core.layer[at] ? this.core.words.layer[this.core.layer[at] - 1] : ''; }
  name(at: number): string { return this.core.name[at]; }
  path(at: number): string { const folder = this.folder(at); return folder ? `${folder}/${this.core.file[at]}` : this.core.file[at]; }
  isDrawn(at: number): boolean { return !UNDRAWN.has(this.kind(at)); }
  isTest(at: number): boolean { return this.kind(at) === 'test' || this.kind(at) === 'unit_test'; }
  /** Whether it has data of its own: a table, a view, a file. */
  isData(at: number): boolean { return ['model', 'source', 'seed', 'snapshot'].includes(this.kind(at)); }
  drawnParents(at: number): number[] { return this.core.parents[at].filter((it) => this.isDrawn(it)); }
  drawnChildren(at: number): number[] { return this.children[at].filter((it) => this.isDrawn(it)); }
  testsOf(at: number): number[] { return this.children[at].filter((it) => this.isTest(it)); }

  /** Everything reached along `next`, without the start. */
  reach(starts: Iterable<number>, next: (at: number) => number[], depth = Infinity): Set<number> {
    const reached = new Set<number>();
    let edge = [...starts];
    for (let step = 0; edge.length && step < depth; step++) {
      const further: number[] = [];
      for (const at of edge) for (const to of next(at)) if (!reached.has(to)) { reached.add(to); further.push(to); }
      edge = further;
    }
    return reached;
  }
  ancestors(starts: Iterable<number>, depth?: number) { return this.reach(starts, (at) => this.core.parents[at], depth); }
  descendants(starts: Iterable<number>, depth?: number) { return this.reach(starts, (at) => this.children[at], depth); }

  /** How it fares: its own result, or the worst of its tests, or its freshness; an exposure as what it is built from. */
  state(at: number): State { return this.kind(at) === 'exposure' ? this.health(at) : this.own(at); }

  private healths = new Map<number, State>();
  /** The worst state of a resource and of everything behind it. */
  health(start: number): State {
    const stack = [start];
    while (stack.length) {
      const at = stack[stack.length - 1];
      const open = this.healths.has(at) ? [] : this.core.parents[at].filter((it) => !this.healths.has(it));
      if (open.length) { stack.push(...open); continue; }
      stack.pop();
      if (!this.healths.has(at)) this.healths.set(at, this.core.parents[at].reduce<State>((worst, it) => worse(worst, this.healths.get(it)!), this.own(at)));
    }
    return this.healths.get(start)!;
  }

  private own(at: number): State {
    let worst: State = stateOf(this.status(at));
    const fresh = this.core.freshness[at];
    if (fresh) worst = worse(worst, stateOf(fresh[0] === 'pass' ? 'success' : fresh[0]));
    if (!this.isTest(at)) for (const test of this.testsOf(at)) worst = worse(worst, stateOf(this.status(test)));
    return worst;
  }

  detailNow(at: number): Detail | undefined {
    return this.details.get(Math.floor(at / this.core.shard))?.[at % this.core.shard];
  }

  async detail(at: number): Promise<Detail> {
    const shard = Math.floor(at / this.core.shard);
    let list = this.details.get(shard);
    if (!list) {
      list = await document_of<Detail[]>(`detail-${shard}`);
      this.details.set(shard, list);
    }
    return list[at % this.core.shard];
  }
}

export type State = 'none' | 'pass' | 'skip' | 'warn' | 'fail';
const ORDER: State[] = ['none', 'pass', 'skip', 'warn', 'fail'];

export function worse(a: State, b: State): State { return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b; }

export function stateOf(status: string): State {
  switch (status) {
    case '': case 'no-op': return 'none';
    case 'success': case 'pass': return 'pass';
    case 'skipped': return 'skip';
    case 'warn': case 'partial success': return 'warn';
    default: return 'fail';
  }
}
