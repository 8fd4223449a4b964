// Layered drawing of a part of the graph, from left to right.
//
// Columns by the longest path, long edges through places of their own, order within columns by
// barycentres beginning with the order of the whole (so that things stay where one saw them),
// then heights so that neighbours stand level (Sugiyama, Tagawa, Toda 1981).

export interface Item { key: string; width: number; height: number; rank: number; order: number }
export interface Edge { from: string; to: string }
export interface Placed { x: number; y: number; width: number; height: number; column: number }
export interface Drawing { places: Map<string, Placed>; edges: { from: string; to: string; points: [number, number][] }[]; width: number; height: number; /** So many lines that only those of one box are shown at a time. */ dense?: boolean }

const GAP_X = 72;
const GAP_Y = 14;
const SWEEPS = 10;

interface Cell { key: string | null; height: number; column: number; y: number; seed: number; before: Cell[]; after: Cell[]; order: number }

export function layout(items: Item[], edges: Edge[]): Drawing {
  const cells = new Map<string, Cell>();
  for (const item of items) cells.set(item.key, { key: item.key, height: item.height, column: 0, y: 0, seed: item.order, before: [], after: [], order: 0 });
  const kept = acyclic(items, edges.filter((edge) => edge.from !== edge.to && cells.has(edge.from) && cells.has(edge.to)));
  const columnOf = columns(items, kept);
  const widths: number[] = [];
  const grid: Cell[][] = [];
  const put = (cell: Cell) => { (grid[cell.column] ??= []).push(cell); };
  for (const item of items) {
    const cell = cells.get(item.key)!;
    cell.column = columnOf.get(item.key)!;
    widths[cell.column] = Math.max(widths[cell.column] ?? 0, item.width);
    put(cell);
  }
  // Edges that leap columns go through empty cells, unless there are so many that lines are enough.
  const chains: { edge: Edge; chain: Cell[]; turned: boolean }[] = [];
  const through = kept.length <= 1500;
  for (const { from, to, turned } of kept) {
    const [a, b] = [cells.get(from)!, cells.get(to)!];
    const chain = [a];
    if (through) {
      for (let column = a.column + 1; column < b.column; column++) {
        const cell: Cell = { key: null, height: 4, column, y: 0, seed: a.seed + ((b.seed - a.seed) * (column - a.column)) / (b.column - a.column), before: [], after: [], order: 0 };
        put(cell);
        chain.push(cell);
      }
    }
    chain.push(b);
    for (let at = 1; at < chain.length; at++) { chain[at - 1].after.push(chain[at]); chain[at].before.push(chain[at - 1]); }
    chains.push({ edge: turned ? { from: to, to: from } : { from, to }, chain, turned });
  }
  arrange(grid);
  level(grid);
  const lefts: number[] = [];
  let x = 0;
  for (let column = 0; column < grid.length; column++) {
    lefts[column] = x;
    x += (widths[column] ?? 0) + GAP_X + Math.min(260, Math.max(grid[column]?.length ?? 0, grid[column + 1]?.length ?? 0) * 0.8);
  }
  const places = new Map<string, Placed>();
  let top = Infinity;
  let bottom = -Infinity;
  for (const item of items) {
    const cell = cells.get(item.key)!;
    places.set(item.key, { x: lefts[cell.column], y: cell.y, width: item.width, height: item.height, column: cell.column });
    top = Math.min(top, cell.y);
    bottom = Math.max(bottom, cell.y + item.height);
  }
  if (!items.length) top = bottom = 0;
  for (const place of places.values()) place.y -= top;
  const drawn = chains.map(({ edge, chain, turned }) => {
    const points: [number, number][] = [];
    chain.forEach((cell, at) => {
      const place = cell.key ? places.get(cell.key)! : null;
      const middle = place ? place.y + place.height / 2 : cell.y - top + cell.height / 2;
      if (at > 0) points.push([lefts[cell.column], middle]);
      if (at < chain.length - 1) points.push([lefts[cell.column] + (place ? place.width : widths[cell.column]), middle]);
    });
    return { from: edge.from, to: edge.to, points: turned ? points.reverse() : points };
  });
  const last = grid.length - 1;
  return { places, edges: drawn, width: last >= 0 ? lefts[last] + (widths[last] ?? 0) : 0, height: bottom - top };
}

/** Turns edges around that would close a cycle (groups of nodes can have some). */
function acyclic(items: Item[], edges: Edge[]): { from: string; to: string; turned: boolean }[] {
  const out = new Map<string, string[]>();
  for (const { from, to } of edges) { const list = out.get(from); if (list) list.push(to); else out.set(from, [to]); }
  const state = new Map<string, number>();
  const back = new Set<string>();
  for (const item of [...items].sort((a, b) => a.rank - b.rank)) {
    if (state.has(item.key)) continue;
    const stack: [string, number][] = [[item.key, 0]];
    state.set(item.key, 1);
    while (stack.length) {
      const top = stack[stack.length - 1];
      const next = out.get(top[0])?.[top[1]++];
      if (next === undefined) { state.set(top[0], 2); stack.pop(); continue; }
      const seen = state.get(next);
      if (seen === 1) back.add(`${top[0]}\n${next}`);
      else if (seen === undefined) { state.set(next, 1); stack.push([next, 0]); }
    }
  }
  return edges.map(({ from, to }) => (back.has(`${from}\n${to}`) ? { from: to, to: from, turned: true } : { from, to, turned: false }));
}

function columns(items: Item[], edges: { from: string; to: string }[]): Map<string, number> {
  const column = new Map<string, number>();
  const waiting = new Map<string, number>();
  const out = new Map<string, string[]>();
  const into = new Map<string, string[]>();
  for (const item of items) { column.set(item.key, 0); waiting.set(item.key, 0); out.set(item.key, []); into.set(item.key, []); }
  for (const { from, to } of edges) { out.get(from)!.push(to); into.get(to)!.push(from); waiting.set(to, waiting.get(to)! + 1); }
  const ready = items.filter((item) => !waiting.get(item.key)).map((item) => item.key);
  const order: string[] = [];
  while (ready.length) {
    const key = ready.pop()!;
    order.push(key);
    for (const next of out.get(key)!) {
      column.set(next, Math.max(column.get(next)!, column.get(key)! + 1));
      waiting.set(next, waiting.get(next)! - 1);
      if (!waiting.get(next)) ready.push(next);
    }
  }
  // What nothing pushes stands close to its readers, not at the far left.
  for (const key of order.reverse()) {
    const after = out.get(key)!;
    if (!into.get(key)!.length && after.length) column.set(key, Math.min(...after.map((to) => column.get(to)!)) - 1);
  }
  return column;
}

/** Sorts the cells of each column so that edges cross little. */
function arrange(grid: Cell[][]) {
  const number = (cells: Cell[]) => cells.forEach((cell, at) => { cell.order = (at + 0.5) / cells.length; });
  for (const cells of grid) { cells.sort((a, b) => a.seed - b.seed); number(cells); }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forward = sweep % 2 === 0;
    const turn = forward ? grid : [...grid].reverse();
    for (const cells of turn) {
      const key = new Map<Cell, number>();
      for (const cell of cells) {
        const near = forward ? cell.before : cell.after;
        key.set(cell, near.length ? near.reduce((sum, it) => sum + it.order, 0) / near.length : cell.order);
      }
      cells.sort((a, b) => key.get(a)! - key.get(b)! || a.order - b.order);
      number(cells);
    }
  }
}

/** Gives heights: near the middle of the neighbours, never on top of each other. */
function level(grid: Cell[][]) {
  for (const cells of grid) { let y = 0; for (const cell of cells) { cell.y = y; y += cell.height + GAP_Y; } }
  const highest = Math.max(0, ...grid.map((cells) => cells.reduce((sum, cell) => sum + cell.height + GAP_Y, 0)));
  for (const cells of grid) {
    const own = cells.reduce((sum, cell) => sum + cell.height + GAP_Y, 0);
    for (const cell of cells) cell.y += (highest - own) / 2;
  }
  for (let sweep = 0; sweep < 12; sweep++) {
    const forward = sweep % 2 === 0;
    for (const cells of forward ? grid : [...grid].reverse()) {
      const wish = cells.map((cell) => {
        const near = sweep > 7 ? [...cell.before, ...cell.after] : forward ? cell.before : cell.after;
        if (!near.length) return cell.y;
        return near.reduce((sum, it) => sum + it.y + it.height / 2, 0) / near.length - cell.height / 2;
      });
      settle(cells, wish);
    }
  }
}

/** The places nearest to the wishes that keep order and gaps (pool adjacent violators). */
function settle(cells: Cell[], wish: number[]) {
  const blocks: { offset: number; sum: number; count: number; start: number }[] = [];
  let offset = 0;
  cells.forEach((cell, at) => {
    let block = { offset, sum: wish[at] - offset, count: 1, start: at };
    while (blocks.length) {
      const last = blocks[blocks.length - 1];
      if (last.sum / last.count <= block.sum / block.count) break;
      blocks.pop();
      block = { offset: last.offset, sum: last.sum + block.sum, count: last.count + block.count, start: last.start };
    }
    blocks.push(block);
    offset += cell.height + GAP_Y;
  });
  offset = 0;
  let block = 0;
  cells.forEach((cell, at) => {
    while (block + 1 < blocks.length && blocks[block + 1].start <= at) block++;
    cell.y = blocks[block].sum / blocks[block].count + offset;
    offset += cell.height + GAP_Y;
  });
}

/** The line through the points, bent softly. */
export function curve(points: [number, number][]): string {
  let path = `M${round(points[0][0])},${round(points[0][1])}`;
  for (let at = 1; at < points.length; at++) {
    const [x0, y0] = points[at - 1];
    const [x1, y1] = points[at];
    if (Math.abs(y0 - y1) < 0.5) { path += `L${round(x1)},${round(y1)}`; continue; }
    const bend = Math.max(24, Math.abs(x1 - x0) / 2);
    path += `C${round(x0 + bend)},${round(y0)} ${round(x1 - bend)},${round(y1)} ${round(x1)},${round(y1)}`;
  }
  return path;
}

function round(value: number): number { return Math.round(value * 10) / 10; }
