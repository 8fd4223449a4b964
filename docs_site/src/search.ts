// Search: names, columns, descriptions, tags, owners and SQL, by substring and rank.
//
// Hangul needs no word boundaries; while a syllable is being typed it stands for all that it can
// become, and consonants alone stand for the syllables that begin with them. Names also
// forgive typing errors. Names live in the index; the other texts come when first needed.
import type { Site, Text } from './data';

export type Field = 'name' | 'tag' | 'owner' | 'column' | 'description' | 'columnDescription' | 'sql';
export interface Hit { node: number; score: number; field: Field; column?: string; snippet?: string; typo?: boolean }
/** A hit while it is weighed: what it shows is only read from its text if it is among the best. */
interface Found { node: number; score: number; field: Field; column?: string; snippet?: string; typo?: boolean; text?: Text; owner?: number; at?: number; length?: number }
type Put = (node: number, score: number, field: Field) => Found | null;
/** Hits by node: a word may have ten thousand, and a list of that length is quicker than a map. */
interface Hits { of: (Found | undefined)[]; nodes: number[] }

const WEIGHT: Record<Field, number> = { name: 100, tag: 34, owner: 34, column: 40, description: 26, columnDescription: 20, sql: 8 };
const KIND: Record<string, number> = { model: 6, source: 4, exposure: 6, metric: 5, seed: 3, snapshot: 3, semantic_model: 2, macro: -14, test: -34, unit_test: -30, analysis: -4 };
/** So many texts are looked at for one word; whoever gets as many narrows the search. */
const MOST_TEXTS = 20_000;

const INITIALS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';

/** Finds a word in lower-case text: where and how long, or null. */
export type Matcher = (text: string, from?: number) => [at: number, length: number] | null;

export function matcher(word: string): Matcher {
  const lower = word.toLowerCase().normalize('NFC');
  if (!/[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]/.test(lower)) {
    return (text, from = 0) => { const at = text.indexOf(lower, from); return at < 0 ? null : [at, lower.length]; };
  }
  const letters = [...lower];
  const pattern = letters.map((letter, at) => {
    const initial = INITIALS.indexOf(letter);
    if (initial >= 0) {
      const first = 0xac00 + initial * 588;
      return `[${letter}${String.fromCharCode(first)}-${String.fromCharCode(first + 587)}]`;
    }
    const code = letter.charCodeAt(0);
    if (at === letters.length - 1 && code >= 0xac00 && code <= 0xd7a3 && (code - 0xac00) % 28 === 0) {
      return `[${letter}-${String.fromCharCode(code + 27)}]`;
    }
    return letter.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  }).join('');
  const expression = new RegExp(pattern, 'g');
  return (text, from = 0) => {
    expression.lastIndex = from;
    const found = expression.exec(text);
    return found ? [found.index, found[0].length] : null;
  };
}

/** How many letters must be changed, at most `most`; swapped neighbours count as one. With `begins`, what follows in `b` is free. */
export function distance(a: string, whole: string, most: number, begins = false): number {
  const b = begins ? whole.slice(0, a.length + most) : whole;
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2] + 1);
      row.push(cost);
      if (cost < least) least = cost;
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return begins ? Math.min(...last.slice(Math.max(0, a.length - most))) : last[b.length];
}

interface Corpus { lower: string; starts: number[]; texts: Text[] }

const FIELDS: Record<string, Field> = { d: 'description', c: 'columnDescription', n: 'column', s: 'sql' };
const PREFIXES: Record<string, Field[]> = {
  name: ['name'], tag: ['tag'], owner: ['owner'], column: ['column', 'columnDescription'], col: ['column'], sql: ['sql'], description: ['description', 'columnDescription'],
};

function lowered(text: string): string {
  const lower = text.toLowerCase();
  // A few letters change their length; then only plain ones are lowered, so that places stay right.
  return lower.length === text.length ? lower : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export class Search {
  private names: string[];
  private tags: [string, number[]][] = [];
  private owners: [string, number[]][] = [];
  private words = new Map<string, number[]>();
  private letters: number[] = [];
  private joined: { lower: string; starts: number[] };
  private corpora: Corpus[] = [];
  private base: Float64Array;

  constructor(private site: Site) {
    const { core } = site;
    this.names = core.name.map((name) => lowered(name.normalize('NFC')));
    const starts = [0];
    for (const name of this.names) starts.push(starts[starts.length - 1] + name.length + 1);
    this.joined = { lower: this.names.join('\u0001'), starts };
    const byTag = new Map<string, number[]>();
    const byOwner = new Map<string, number[]>();
    const add = (map: Map<string, number[]>, key: string, at: number) => { const list = map.get(key); if (list) list.push(at); else map.set(key, [at]); };
    this.base = new Float64Array(site.size);
    for (let at = 0; at < site.size; at++) {
      if (site.hidden.has(at)) { this.base[at] = -Infinity; continue; }
      const kind = site.kind(at);
      // Used by many and near to the reader's side: the more likely one is meant.
      this.base[at] = (KIND[kind] ?? 0) + Math.min(6, Math.log2(1 + site.uses[at])) + core.layer[at];
      for (const tag of site.tags(at)) add(byTag, lowered(tag), at);
      const owner = site.owner(at);
      if (owner) add(byOwner, lowered(owner), at);
      if (kind !== 'test' && kind !== 'unit_test') {
        add(this.words, this.names[at], at);
        for (const word of this.names[at].split(/[_.\s-]+/)) if (word.length > 2 && word !== this.names[at]) add(this.words, word, at);
      }
    }
    this.tags = [...byTag];
    this.owners = [...byOwner];
  }

  get complete(): boolean { return this.corpora.length >= this.site.core.texts; }

  addTexts(texts: Text[]) {
    let length = 0;
    const starts: number[] = [];
    const parts: string[] = [];
    for (const text of texts) {
      starts.push(length);
      const lower = lowered(text[1]);
      parts.push(lower);
      length += lower.length + 1;
    }
    this.corpora.push({ lower: parts.join('\u0001'), starts, texts });
  }

  /** The best hits, best first. */
  query(text: string, limit = 60): Hit[] {
    const words = text.normalize('NFC').trim().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    let result: Hits | null = null;
    // Long words are rare: what they leave out need not be weighed for the others.
    for (const word of [...words].sort((a, b) => b.length - a.length)) {
      const found = this.word(word, result);
      if (result) {
        for (const node of found.nodes) {
          const [hit, other] = [found.of[node]!, result.of[node]!];
          const better = hit.score > other.score ? hit : other;
          better.score = hit.score + other.score;
          found.of[node] = better;
        }
      }
      result = found;
    }
    const whole = words.join('_').toLowerCase();
    const hits: Found[] = [];
    for (const node of result!.nodes) {
      const hit = result!.of[node]!;
      hit.score += this.base[hit.node];
      if (words.length > 1 && this.names[hit.node].includes(whole)) hit.score += 40;
      if (hit.score > -Infinity) hits.push(hit);
    }
    return this.best(hits, limit).map(({ node, score, field, column, snippet, typo, text: found, owner, at, length }) => {
      if (!found || at === undefined) return { node, score, field, column, snippet, typo };
      if (found[0] === 'n') return { node, score, field, column: found[1] };
      return { node, score, field, column: found[3][owner ?? 0], snippet: cut(found[1], at, length ?? 0) };
    });
  }

  /** The first of them by score, then by the shorter name, then by number; numbers alone are sorted quickly. */
  private best(hits: Found[], limit: number): Found[] {
    const key = (hit: Found) => hit.score - this.names[hit.node].length * 1e-4 - hit.node * 1e-9;
    const keys = Float64Array.from(hits, key);
    const least = hits.length > limit ? keys.slice().sort()[hits.length - limit] : -Infinity;
    return hits.filter((_, at) => keys[at] >= least).sort((a, b) => key(b) - key(a)).slice(0, limit);
  }

  private word(word: string, within: Hits | null): Hits {
    const hits: Hits = { of: new Array(this.site.size), nodes: [] };
    const prefix = /^([a-z]+):(.+)$/i.exec(word);
    const only = prefix ? PREFIXES[prefix[1].toLowerCase()] : undefined;
    const put: Put = (node, score, field) => {
      const known = hits.of[node];
      if (known && known.score >= score) return null;
      if (within && !within.of[node]) return null;
      const hit: Found = { node, score, field };
      if (!known) hits.nodes.push(node);
      hits.of[node] = hit;
      return hit;
    };
    if (prefix && ['type', 'kind'].includes(prefix[1].toLowerCase())) {
      const kind = prefix[2].toLowerCase();
      for (let at = 0; at < this.site.size; at++) if (this.site.kind(at).startsWith(kind)) put(at, 1, 'name');
      return hits;
    }
    const needle = only ? prefix![2] : word;
    const match = matcher(needle);
    const wants = (field: Field) => !only || only.includes(field);
    if (wants('name')) this.inNames(needle, match, put);
    const shared = (list: [string, number[]][], field: Field) => {
      if (wants(field)) for (const [word, nodes] of list) if (match(word)) for (const node of nodes) { const hit = put(node, WEIGHT[field] + (word === needle ? 10 : 0), field); if (hit) hit.snippet = word; }
    };
    shared(this.tags, 'tag');
    shared(this.owners, 'owner');
    this.inTexts(needle, match, wants, put);
    return hits;
  }

  private inNames(needle: string, match: Matcher, put: Put) {
    let good = 0;
    let whole = false;
    const { lower: all, starts } = this.joined;
    let from = 0;
    for (let at = 0; at < starts.length; at++) {
      const found = match(all, from);
      if (!found) break;
      at = textAt(starts, found[0], at);
      from = starts[at + 1];
      const name = this.names[at];
      const [start, length] = [found[0] - starts[at], found[1]];
      const boundary = start === 0 || /[_.\s-]/.test(name[start - 1]);
      const score = length === name.length ? 60 : start === 0 ? 34 : boundary ? 24 : 4;
      put(at, WEIGHT.name + score - Math.min(20, (name.length - length) / 4), 'name');
      whole ||= length === name.length;
      good++;
    }
    const lower = needle.toLowerCase();
    if (whole || good >= 5 || lower.length < 4) return;
    const most = lower.length < 8 ? 1 : 2;
    const letters = lettersOf(lower);
    let place = -1;
    for (const [word, nodes] of this.words) {
      // Each letter that the word lacks is a mistake.
      if (ones(letters & ~(this.letters[++place] ??= lettersOf(word))) > most) continue;
      const steps = distance(lower, word, most, true);
      // The whole word is likelier than one that goes on.
      if (steps <= most) for (const node of nodes) { const hit = put(node, WEIGHT.name - 25 - steps * 10 - Math.min(9, Math.abs(word.length - lower.length)), 'name'); if (hit) hit.typo = true; }
    }
  }

  private inTexts(needle: string, match: Matcher, wants: (field: Field) => boolean, put: Put) {
    let looked = 0;
    for (const { lower, starts, texts } of this.corpora) {
      let from = 0;
      let at = 0;
      for (;;) {
        const found = match(lower, from);
        if (!found || ++looked > MOST_TEXTS) break;
        const place = found[0];
        at = textAt(starts, place, at);
        const text = texts[at];
        const field = FIELDS[text[0]];
        if (wants(field)) {
          const score = WEIGHT[field] + (text[1].length === needle.length ? 14 : 0);
          for (let owner = 0; owner < text[2].length; owner++) {
            const hit = put(text[2][owner], score, field);
            if (hit) { hit.text = text; hit.owner = owner; hit.at = place - starts[at]; hit.length = found[1]; }
          }
        }
        if (at + 1 >= starts.length) break;
        from = starts[at + 1];
        at++;
      }
    }
  }
}

/** The text that a place is in, from the one at `low` on. */
function textAt(starts: number[], place: number, low: number): number {
  // Mostly it is near.
  let step = 1;
  while (low + step < starts.length && starts[low + step] <= place) { low += step; step *= 2; }
  let high = Math.min(starts.length - 1, low + step);
  while (low < high) { const middle = (low + high + 1) >> 1; if (starts[middle] <= place) low = middle; else high = middle - 1; }
  return low;
}

/** Which letters and digits a word has, as bits. */
function lettersOf(word: string): number {
  let bits = 0;
  for (let at = 0; at < word.length; at++) { const code = word.charCodeAt(at); bits |= 1 << (code < 0x30 ? 0 : code <= 0x39 ? 1 + ((code - 0x30) % 5) : 6 + (code % 26)); }
  return bits;
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest; rest &= rest - 1) count++;
  return count;
}

/** The surroundings of a hit, on one line. */
export function cut(text: string, at: number, length: number): string {
  const start = Math.max(0, at - 40);
  const end = Math.min(text.length, at + length + 80);
  return `${start ? '…' : ''}${text.slice(start, end).replace(/\s+/g, ' ')}${end < text.length ? '…' : ''}`;
}

/** The parts of a text that the words of a query match, for marking. */
export function marks(text: string, query: string): [string, boolean][] {
  const lower = lowered(text);
  const marked = new Uint8Array(text.length);
  for (const word of query.normalize('NFC').trim().split(/\s+/).filter(Boolean)) {
    const match = matcher(word.replace(/^[a-z]+:(?=.)/i, ''));
    for (let from = 0, found = match(lower); found && found[1]; from = found[0] + found[1], found = match(lower, from)) marked.fill(1, found[0], found[0] + found[1]);
  }
  const parts: [string, boolean][] = [];
  for (let at = 0, start = 0; at <= text.length; at++) {
    if (at === text.length || (at > start && marked[at] !== marked[start])) {
      if (at > start) parts.push([text.slice(start, at), marked[start] === 1]);
      start = at;
    }
  }
  return parts;
}
