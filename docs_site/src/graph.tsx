// Draws a scene of boxes and lines that one can move, zoom, walk and expand.
//
// Few boxes are SVG elements (sharp, reachable, clickable); when very many are in sight they
// are painted on a canvas instead, so that moving stays smooth with ten thousand.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { curve, layout, type Drawing, type Placed } from './layout';
import type { State } from './data';
import { t } from './i18n';

export interface Box {
  key: string; title: string; subtitle: string; color: string; state: State; rank: number; order: number;
  /** How many neighbours are not in the scene, before and after. */
  before?: number; after?: number;
  /** Not a resource but so many of them. */
  members?: number;
  rows?: { name: string; marked?: boolean }[];
  strong?: boolean;
}
export interface Line { from: string; to: string; fromRow?: number; toRow?: number; dashed?: boolean; strong?: boolean; title?: string }
export interface Scene { boxes: Box[]; lines: Line[] }

export interface Handlers {
  onSelect(key: string | null): void;
  onOpen(key: string): void;
  onExpand?(key: string, side: 'before' | 'after'): void;
  onRow?(key: string, row: number): void;
}

const WIDTH = 228;
const HEIGHT = 44;
const ROW = 22;
/** More boxes in sight than this are painted, not built. */
const MOST_ELEMENTS = 320;
/** More boxes than this stand where the whole graph has them. */
const MOST_ARRANGED = 1500;

export const MARK: Record<State, string> = { none: '', pass: '✓', skip: '–', warn: '!', fail: '✕' };

export function draw(scene: Scene): Drawing {
  if (scene.boxes.length > MOST_ARRANGED) return whole(scene);
  const items = scene.boxes.map((box) => ({ key: box.key, width: WIDTH, height: heightOf(box), rank: box.rank, order: box.order }));
  const seen = new Set<string>();
  const edges = scene.lines.filter(({ from, to }) => { const key = `${from}\n${to}`; if (seen.has(key)) return false; seen.add(key); return true; });
  const drawing = layout(items, edges);
  // Groups that all need each other make a chain that nobody can read: they stand in lines, as text does.
  return scene.boxes.length > MOST_IN_CHAIN && drawing.width > 12 * drawing.height ? wrapped(items, edges) : drawing;
}

const MOST_IN_CHAIN = 24;

function wrapped(items: { key: string; width: number; height: number; rank: number; order: number }[], edges: { from: string; to: string }[]): Drawing {
  const across = Math.ceil(Math.sqrt(items.length * 0.6));
  const places = new Map<string, Placed>();
  [...items].sort((a, b) => a.rank - b.rank || a.order - b.order).forEach((item, at) => {
    const column = at % across;
    places.set(item.key, { x: column * (WIDTH + 60), y: Math.floor(at / across) * (HEIGHT + 40), width: item.width, height: item.height, column });
  });
  const lines = edges.map(({ from, to }) => {
    const [a, b] = [places.get(from)!, places.get(to)!];
    return { from, to, points: [[a.x + a.width, a.y + a.height / 2], [b.x, b.y + b.height / 2]] as [number, number][] };
  });
  return { places, edges: lines, width: across * (WIDTH + 60), height: Math.ceil(items.length / across) * (HEIGHT + 40), dense: edges.length > 3 * items.length };
}

function heightOf(box: Box): number { return HEIGHT + (box.rows?.length ? box.rows.length * ROW + 4 : 0); }

/** The drawing by the places that were computed ahead. */
function whole(scene: Scene): Drawing {
  const columns = new Map<number, Box[]>();
  for (const box of scene.boxes) { const list = columns.get(box.rank); if (list) list.push(box); else columns.set(box.rank, [box]); }
  const highest = Math.max(...[...columns.values()].map((list) => list.length)) * (HEIGHT + 8);
  const places = new Map<string, Placed>();
  let x = 0;
  for (const rank of [...columns.keys()].sort((a, b) => a - b)) {
    const list = columns.get(rank)!.sort((a, b) => a.order - b.order);
    const step = highest / list.length;
    list.forEach((box, at) => places.set(box.key, { x, y: (at + 0.5) * step - HEIGHT / 2, width: WIDTH, height: HEIGHT, column: rank }));
    x += WIDTH + 90 + Math.min(600, list.length * 2);
  }
  const edges = scene.lines.map(({ from, to }) => {
    const [a, b] = [places.get(from)!, places.get(to)!];
    return { from, to, points: [[a.x + a.width, a.y + HEIGHT / 2], [b.x, b.y + HEIGHT / 2]] as [number, number][] };
  });
  return { places, edges, width: x, height: highest };
}

interface View { x: number; y: number; k: number }

/** The view, moved so that what came is in sight, as far as what it came from stays in sight too. */
export function withInSight(view: View, came: { x: number; y: number; width: number; height: number }[], origin: { x: number; y: number; width: number; height: number }, size: { width: number; height: number }): View {
  if (!came.length) return view;
  const rim = 24;
  const along = (offset: number, room: number, low: number, high: number, first: number, last: number) => {
    const over = high * view.k + offset - (room - rim);
    const under = rim - (low * view.k + offset);
    // At most so far that the origin does not leave at the other side.
    if (over > 0) return offset - Math.min(over, Math.max(0, first * view.k + offset - rim));
    if (under > 0) return offset + Math.min(under, Math.max(0, room - rim - (last * view.k + offset)));
    return offset;
  };
  const [left, top] = [Math.min(...came.map((it) => it.x)), Math.min(...came.map((it) => it.y))];
  const [right, bottom] = [Math.max(...came.map((it) => it.x + it.width)), Math.max(...came.map((it) => it.y + it.height))];
  return {
    k: view.k,
    x: along(view.x, size.width, left, right, origin.x, origin.x + origin.width),
    y: along(view.y, size.height, top, bottom, origin.y, origin.y + origin.height),
  };
}

export interface GraphProps extends Handlers { scene: Scene; selected: string | null; height?: string; label: string; fitKey?: string; focus?: string; inset?: number; onDrawn?(export_svg: () => string): void }

export function Graph({ scene, selected, height, label, fitKey, focus, inset = 0, onSelect, onOpen, onExpand, onRow, onDrawn }: GraphProps) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 900, height: 500 });
  const [view, setView] = useState<View>({ x: 0, y: 0, k: 1 });
  const [hover, setHover] = useState<string | null>(null);
  const drawing = useMemo(() => draw(scene), [scene]);
  const boxes = useMemo(() => new Map(scene.boxes.map((box) => [box.key, box])), [scene]);
  const lines = useMemo(() => {
    const byPair = new Map<string, Line[]>();
    for (const line of scene.lines) { const key = `${line.from}\n${line.to}`; const list = byPair.get(key); if (list) list.push(line); else byPair.set(key, [line]); }
    return byPair;
  }, [scene]);
  const near = useMemo(() => neighbours(scene), [scene]);

  // What lies at the right above the drawing leaves the rest of the width.
  const fit = () => setView(fitted(drawing, { ...size, width: size.width > 900 ? size.width - inset : size.width }, focus));
  useLayoutEffect(() => {
    const element = frame.current!;
    const measure = () => { const { clientWidth, clientHeight } = element; if (clientWidth && clientHeight) setSize({ width: clientWidth, height: clientHeight }); };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const fittedFor = useRef('');
  useLayoutEffect(() => {
    const wanted = `${fitKey ?? ''} ${size.width} ${size.height}`;
    if (fittedFor.current === wanted) {
      // What was expanded stays where the eye is.
      const key = selected ?? '';
      const place = drawing.places.get(key);
      const old = lastPlace.current.get(key);
      if (place && old) {
        const came = [...drawing.places].filter(([other]) => !lastPlace.current.has(other)).map(([, it]) => it);
        const free = { ...size, width: size.width > 900 ? size.width - inset : size.width };
        setView((now) => withInSight({ ...now, x: now.x + (old.x - place.x) * now.k, y: now.y + (old.y - place.y) * now.k }, came, place, free));
      }
    } else {
      fittedFor.current = wanted;
      fit();
    }
    lastPlace.current = drawing.places;
  }, [drawing, size, fitKey]);
  const lastPlace = useRef<Map<string, Placed>>(new Map());

  useEffect(() => onDrawn?.(() => svgText(scene, drawing, boxes, lines)), [scene, drawing]);

  // What is in sight.
  const margin = 260 / view.k;
  const sight = { left: -view.x / view.k - margin, top: -view.y / view.k - margin, right: (size.width - view.x) / view.k + margin, bottom: (size.height - view.y) / view.k + margin };
  const visible: string[] = [];
  for (const [key, place] of drawing.places) {
    if (place.x < sight.right && place.x + place.width > sight.left && place.y < sight.bottom && place.y + place.height > sight.top) visible.push(key);
  }
  const painted = visible.length > MOST_ELEMENTS;
  const lit = hover ?? selected;
  const around = lit ? near.get(lit) : undefined;

  useEffect(() => {
    if (painted) paint(canvas.current!, size, view, drawing, boxes, new Set(visible), lit, around, !!hover);
  });

  const drag = useRef<{ x: number; y: number; view: View; moved: boolean; pointer: number } | null>(null);
  const point = (event: { clientX: number; clientY: number }) => {
    const rectangle = frame.current!.getBoundingClientRect();
    return [event.clientX - rectangle.left, event.clientY - rectangle.top];
  };
  const hit = (event: MouseEvent): string | null => {
    const element = (event.target as Element).closest('[data-key]');
    if (element) return element.getAttribute('data-key');
    if (!painted) return null;
    const [px, py] = point(event);
    const [x, y] = [(px - view.x) / view.k, (py - view.y) / view.k];
    for (const key of visible) {
      const place = drawing.places.get(key)!;
      if (x >= place.x && x <= place.x + place.width && y >= place.y && y <= place.y + place.height) return key;
    }
    return null;
  };
  const zoom = (factor: number, cx = size.width / 2, cy = size.height / 2) => setView((now) => {
    const k = Math.min(2.5, Math.max(0.01, now.k * factor));
    return { k, x: cx - ((cx - now.x) * k) / now.k, y: cy - ((cy - now.y) * k) / now.k };
  });
  useEffect(() => {
    const element = frame.current!;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const [x, y] = point(event);
      const lines = event.deltaMode === 1 ? 16 : 1;
      if (event.ctrlKey || event.metaKey || Math.abs(event.deltaX) < Math.abs(event.deltaY)) zoom(Math.exp(-event.deltaY * lines * 0.0016), x, y);
      else setView((now) => ({ ...now, x: now.x - event.deltaX * lines }));
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, [size]);

  const center = (key: string) => {
    const place = drawing.places.get(key);
    if (!place) return;
    setView((now) => {
      const [x, y] = [place.x * now.k + now.x, place.y * now.k + now.y];
      const inside = x > 20 && y > 20 && x + place.width * now.k < size.width - 20 && y + place.height * now.k < size.height - 20;
      return inside ? now : { ...now, x: size.width / 2 - (place.x + place.width / 2) * now.k, y: size.height / 2 - (place.y + place.height / 2) * now.k };
    });
  };
  const walk = (direction: string) => {
    const from = selected ?? scene.boxes[0]?.key;
    if (!from) return;
    if (!selected) { onSelect(from); center(from); return; }
    const place = drawing.places.get(from);
    if (!place) return;
    const sideways = direction === 'ArrowLeft' || direction === 'ArrowRight';
    const candidates = sideways
      ? scene.lines.filter((line) => (direction === 'ArrowLeft' ? line.to : line.from) === from).map((line) => (direction === 'ArrowLeft' ? line.from : line.to))
      : [...drawing.places].filter(([key, it]) => key !== from && it.column === place.column && (direction === 'ArrowUp' ? it.y < place.y : it.y > place.y)).map(([key]) => key);
    let best: string | null = null;
    let least = Infinity;
    for (const key of candidates) {
      const distance = Math.abs((drawing.places.get(key)?.y ?? 0) - place.y);
      if (distance < least) { least = distance; best = key; }
    }
    if (best) { onSelect(best); center(best); }
  };
  const keydown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith('Arrow')) walk(event.key);
    else if (event.key === 'Enter' && selected) onOpen(selected);
    else if (event.key === '+' || event.key === '=') zoom(1.25);
    else if (event.key === '-') zoom(0.8);
    else if (event.key === 'f') fit();
    else if (event.key === '[' && selected) onExpand?.(selected, 'before');
    else if (event.key === ']' && selected) onExpand?.(selected, 'after');
    else if (event.key === 'Escape' && selected) onSelect(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const shown = new Set(visible);
  return (
    <div
      ref={frame} class="graph" style={{ height: height ?? '100%' }} tabIndex={0} role="application" aria-label={`${label}. ${t('graphHelp')}`}
      onKeyDown={keydown}
      onPointerDown={(event) => { if (event.button === 0) drag.current = { x: event.clientX, y: event.clientY, view, moved: false, pointer: event.pointerId }; }}
      onPointerMove={(event) => {
        const start = drag.current;
        if (!start) { const key = hit(event); if (key !== hover) setHover(key); return; }
        const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
        if (!start.moved && Math.hypot(dx, dy) > 4) { start.moved = true; frame.current!.setPointerCapture(start.pointer); }
        if (start.moved) setView({ ...start.view, x: start.view.x + dx, y: start.view.y + dy });
      }}
      onPointerUp={(event) => {
        const start = drag.current;
        drag.current = null;
        if (!start || start.moved) return;
        const target = event.target as Element;
        const expand = target.closest('[data-expand]');
        const key = hit(event);
        const row = target.closest('[data-row]');
        if (expand && key) onExpand?.(key, expand.getAttribute('data-expand') as 'before' | 'after');
        else if (row && key && onRow) onRow(key, Number(row.getAttribute('data-row')));
        else onSelect(key);
      }}
      onPointerLeave={() => { setHover(null); }}
      onDblClick={(event) => { const key = hit(event); if (key) onOpen(key); }}
    >
      {painted && <canvas ref={canvas} />}
      <svg width={size.width} height={size.height} aria-hidden="true" focusable="false">
        <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0,1L7,4L0,7Z" class="arrow" /></marker></defs>
        {!painted && (
          <g transform={`translate(${view.x},${view.y}) scale(${view.k})`}>
            {drawing.edges.filter((edge) => (drawing.dense ? edge.from === lit || edge.to === lit : shown.has(edge.from) || shown.has(edge.to))).map((edge) => (lines.get(`${edge.from}\n${edge.to}`) ?? []).map((line, at) => {
              const on = lit && (edge.from === lit || edge.to === lit);
              return <path key={`${edge.from} ${edge.to} ${at}`} d={curve(ends(edge.points, line, drawing))} class={`line${on || line.strong ? ' on' : lit ? ' dim' : ''}${line.dashed ? ' dashed' : ''}`} marker-end="url(#arrow)">{line.title && <title>{line.title}</title>}</path>;
            }))}
            {visible.map((key) => <BoxView key={key} box={boxes.get(key)!} place={drawing.places.get(key)!} selected={key === selected} dim={!!hover && key !== hover && !around?.has(key)} far={view.k < 0.35} expandable={!!onExpand} />)}
          </g>
        )}
      </svg>
      <div class="zoom">
        <button type="button" title={t('zoomIn')} aria-label={t('zoomIn')} onClick={() => zoom(1.3)}>+</button>
        <button type="button" title={t('zoomOut')} aria-label={t('zoomOut')} onClick={() => zoom(0.77)}>−</button>
        <button type="button" title={t('fit')} aria-label={t('fit')} onClick={fit}>⤢</button>
      </div>
    </div>
  );
}

function BoxView({ box, place, selected, dim, far, expandable }: { box: Box; place: Placed; selected: boolean; dim: boolean; far: boolean; expandable: boolean }) {
  const { width, height } = place;
  return (
    <g class={`box${selected ? ' selected' : ''}${dim ? ' dim' : ''}${box.strong ? ' strong' : ''}${box.members ? ' group' : ''}`} transform={`translate(${place.x},${place.y})`} data-key={box.key}>
      {box.members && <rect x={4} y={4} width={width} height={height} rx={7} class="shadow" />}
      <rect width={width} height={height} rx={7} class="body" />
      <path d={`M0,7a7,7 0 0 1 7,-7V${height}a-7,-7 0 0 1 -7,-7Z`} fill={box.color} />
      {!far && <text x={15} y={19} class="title">{titleOf(box)}</text>}
      {!far && <text x={15} y={35} class="subtitle">{short(box.subtitle, WIDTH - 30)}</text>}
      {box.state !== 'none' && <g class={`mark ${box.state}`} transform={`translate(${width - 25},${15})`}><circle r={9} /><text y={4}>{MARK[box.state]}</text></g>}
      {box.rows?.map((row, at) => (
        <g class={`row${row.marked ? ' marked' : ''}`} data-row={at} transform={`translate(0,${HEIGHT + at * ROW})`}>
          <rect x={6} width={width - 10} height={ROW - 1} rx={4} />
          <text x={15} y={15}>{short(row.name, WIDTH - 32, '11.5px system-ui, sans-serif')}</text>
        </g>
      ))}
      {expandable && box.before ? <Handle x={0} y={height / 2} count={box.before} side="before" /> : null}
      {expandable && box.after ? <Handle x={width} y={height / 2} count={box.after} side="after" /> : null}
      <title>{`${box.title}\n${box.subtitle}`}</title>
    </g>
  );
}

function Handle({ x, y, count, side }: { x: number; y: number; count: number; side: 'before' | 'after' }) {
  const text = count > 99 ? '99+' : `+${count}`;
  return <g class="handle" data-expand={side} transform={`translate(${x},${y})`}><rect x={-13} y={-9} width={26} height={18} rx={9} /><text y={4}>{text}</text><title>{side === 'before' ? t('showParents') : t('showChildren')}</title></g>;
}

/** The line's ends at the rows that it joins. */
function ends(points: [number, number][], line: Line, drawing: Drawing): [number, number][] {
  if (line.fromRow === undefined && line.toRow === undefined) return points;
  const moved = points.map((it) => [...it] as [number, number]);
  const at = (key: string, row: number) => (drawing.places.get(key)?.y ?? 0) + (row < 0 ? HEIGHT / 2 : HEIGHT + row * ROW + ROW / 2);
  if (line.fromRow !== undefined) moved[0][1] = at(line.from, line.fromRow);
  if (line.toRow !== undefined) moved[moved.length - 1][1] = at(line.to, line.toRow);
  return moved;
}

/** The pencil that measures texts, and how wide what it has met is. */
const pencil = typeof document.createElement === 'function' ? document.createElement('canvas').getContext('2d') : null;
const cuts = new Map<string, string>();

/** As much of a text as so many pixels hold. */
export function short(text: string, width: number, font = '11px system-ui, sans-serif'): string {
  const key = `${font}\n${width}\n${text}`;
  let cut = cuts.get(key);
  if (cut === undefined) {
    cut = text;
    const letters = [...text];
    const fits = (part: string) => { if (pencil) pencil.font = font; return (pencil?.measureText(part).width ?? part.length * 7) <= width; };
    if (!fits(text)) {
      let [low, high] = [0, letters.length];
      while (low < high) { const middle = (low + high + 1) >> 1; if (fits(`${letters.slice(0, middle).join('')}…`)) low = middle; else high = middle - 1; }
      cut = `${letters.slice(0, low).join('')}…`;
    }
    if (cuts.size > 20_000) cuts.clear();
    cuts.set(key, cut);
  }
  return cut;
}

const TITLE = '600 12.5px system-ui, sans-serif';
/** The title of a box, as far as the sign of its state leaves room. */
function titleOf(box: Box): string { return short(box.title, WIDTH - (box.state === 'none' ? 27 : 52), TITLE); }

function fitted(drawing: Drawing, size: { width: number; height: number }, focus?: string): View {
  const pad = 36;
  const k = Math.min(1.1, (size.width - 2 * pad) / Math.max(1, drawing.width), (size.height - 2 * pad) / Math.max(1, drawing.height));
  const place = focus ? drawing.places.get(focus) : undefined;
  // What would be too small to read shows the surroundings of its focus.
  if (place && k < 0.45) {
    const near = 0.75;
    return { k: near, x: size.width / 2 - (place.x + place.width / 2) * near, y: size.height / 2 - (place.y + place.height / 2) * near };
  }
  return { k, x: (size.width - drawing.width * k) / 2, y: (size.height - drawing.height * k) / 2 };
}

function neighbours(scene: Scene): Map<string, Set<string>> {
  const near = new Map<string, Set<string>>();
  const add = (a: string, b: string) => { const set = near.get(a); if (set) set.add(b); else near.set(a, new Set([b])); };
  for (const { from, to } of scene.lines) { add(from, to); add(to, from); }
  return near;
}

function paint(canvas: HTMLCanvasElement, size: { width: number; height: number }, view: View, drawing: Drawing, boxes: Map<string, Box>, visible: Set<string>, lit: string | null, around: Set<string> | undefined, dims: boolean) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = size.width * ratio;
  canvas.height = size.height * ratio;
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(ratio * view.k, 0, 0, ratio * view.k, ratio * view.x, ratio * view.y);
  context.lineWidth = Math.max(0.6, 0.7 / view.k);
  context.strokeStyle = color('--line-faint');
  context.beginPath();
  const chosen: [number, number][][] = [];
  for (const { from, to, points } of drawing.edges) {
    if (!visible.has(from) && !visible.has(to)) continue;
    if (lit && (from === lit || to === lit)) chosen.push(points);
    context.moveTo(points[0][0], points[0][1]);
    for (let at = 1; at < points.length; at++) context.lineTo(points[at][0], points[at][1]);
  }
  context.stroke();
  context.strokeStyle = color('--accent');
  context.lineWidth = 1.6 / view.k;
  for (const points of chosen) { context.beginPath(); context.moveTo(...points[0]); points.slice(1).forEach((it) => context.lineTo(...it)); context.stroke(); }
  const [panel, text, edge] = [color('--panel'), color('--text'), color('--line')];
  context.font = '12px system-ui, sans-serif';
  for (const key of visible) {
    const [place, box] = [drawing.places.get(key)!, boxes.get(key)!];
    context.globalAlpha = dims && key !== lit && !around?.has(key) ? 0.25 : 1;
    context.fillStyle = view.k < 0.12 ? box.color : panel;
    context.fillRect(place.x, place.y, place.width, place.height);
    context.strokeStyle = edge;
    context.lineWidth = 1;
    context.strokeRect(place.x, place.y, place.width, place.height);
    context.fillStyle = box.color;
    context.fillRect(place.x, place.y, 7, place.height);
    if (view.k > 0.3) { context.fillStyle = text; context.fillText(short(box.title, WIDTH - 30, context.font), place.x + 15, place.y + 20); }
  }
  context.globalAlpha = 1;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (it) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[it]!).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '');
}

/** The scene as a picture of its own, with the colours of now. */
function svgText(scene: Scene, drawing: Drawing, boxes: Map<string, Box>, lines: Map<string, Line[]>): string {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => escaped(style.getPropertyValue(name).trim());
  const pad = 24;
  const parts = [`<svg xmlns="http://www.w3.org/2000/svg" width="${Math.ceil(drawing.width + 2 * pad)}" height="${Math.ceil(drawing.height + 2 * pad)}" viewBox="${-pad} ${-pad} ${Math.ceil(drawing.width + 2 * pad)} ${Math.ceil(drawing.height + 2 * pad)}" font-family="system-ui, 'Apple SD Gothic Neo', 'Noto Sans KR', 'Malgun Gothic', sans-serif">`];
  parts.push(`<rect x="${-pad}" y="${-pad}" width="100%" height="100%" fill="${color('--ground')}"/>`);
  for (const edge of drawing.edges) {
    for (const line of lines.get(`${edge.from}\n${edge.to}`) ?? []) {
      parts.push(`<path d="${curve(ends(edge.points, line, drawing))}" fill="none" stroke="${color(line.strong ? '--accent' : '--line-strong')}" stroke-width="1.4"${line.dashed ? ' stroke-dasharray="5 4"' : ''}/>`);
    }
  }
  for (const { key } of scene.boxes) {
    const [box, place] = [boxes.get(key)!, drawing.places.get(key)!];
    parts.push(`<g transform="translate(${place.x.toFixed(1)},${place.y.toFixed(1)})"><rect width="${place.width}" height="${place.height}" rx="7" fill="${color('--panel')}" stroke="${color('--line')}"/><rect width="7" height="${place.height}" rx="2" fill="${escaped(box.color)}"/>`);
    parts.push(`<text x="15" y="19" font-size="12.5" font-weight="600" fill="${color('--text')}">${escaped(titleOf(box))}</text><text x="15" y="35" font-size="11" fill="${color('--muted')}">${escaped(short(box.subtitle, WIDTH - 30))}</text>`);
    if (box.state !== 'none') parts.push(`<text x="${place.width - 16}" y="21" font-size="12" text-anchor="middle" fill="${color(`--${box.state}`)}">${MARK[box.state]}</text>`);
    box.rows?.forEach((row, at) => parts.push(`<text x="15" y="${HEIGHT + at * ROW + 15}" font-size="11.5" fill="${color(row.marked ? '--accent' : '--text')}">${escaped(short(row.name, WIDTH - 32))}</text>`));
    parts.push('</g>');
  }
  parts.push('</svg>');
  return parts.join('');
}

export function save(name: string, type: string, content: BlobPart) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function savePng(name: string, svg: string) {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  image.onload = () => {
    // Browsers refuse canvases beyond some size.
    const scale = Math.min(2, 8000 / Math.max(image.width, image.height));
    const canvas = document.createElement('canvas');
    canvas.width = image.width * scale;
    canvas.height = image.height * scale;
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => { if (blob) save(name, 'image/png', blob); URL.revokeObjectURL(url); });
  };
  image.src = url;
}
