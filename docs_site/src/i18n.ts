// The words of the interface, in English and Korean. The browser's language chooses, a switch decides.

const WORDS = {
  home: ['Overview', '개요'], browse: ['Explore', '탐색'], lineage: ['Lineage', '계보'], quality: ['Quality', '품질'],
  search: ['Search', '검색'], searchHint: ['Search names, columns, descriptions, tags, owners, SQL', '이름, 컬럼, 설명, 태그, 담당자, SQL 검색'],
  searchHelp: ['arrows to move, Enter to open, Esc to close; tag: owner: column: sql: type: narrow', '화살표로 이동, Enter로 열기, Esc로 닫기; tag: owner: column: sql: type: 으로 좁히기'],
  noHits: ['Nothing found', '결과가 없습니다'], searching: ['Reading texts…', '본문을 읽는 중…'], hits: ['results', '개 결과'],
  theme: ['Theme', '테마'], light: ['Light', '밝게'], dark: ['Dark', '어둡게'], auto: ['System', '시스템'], language: ['언어', 'Language'],
  skip: ['Skip to content', '본문으로 건너뛰기'], notFound: ['There is no such page', '없는 페이지입니다'], loading: ['Loading…', '불러오는 중…'],
  broken: ['This part of the site could not be read', '이 부분을 읽을 수 없습니다'],
  nothingChanged: ['Nothing differs from the earlier sites of this folder.', '이 폴더의 이전 사이트와 달라진 것이 없습니다.'], lastRuns: ['Last runs', '최근 실행'], command: ['Command', '명령'], results: ['Results', '결과'], noColumn: ['no column: a constant, or the rows themselves', '컬럼 없음: 상수이거나 행 자체'], slowestModels: ['Slowest models', '가장 느린 모델'], linkToSearch: ['Address of this search', '이 검색의 주소'],
  generated: ['Generated', '생성'], lastRun: ['Last run', '마지막 실행'], neverRun: ['No run is known yet', '아직 실행 기록이 없습니다'],
  layers: ['From source to answer', '원천에서 결과까지'], other: ['Other', '기타'], consumers: ['Exposures', '활용처'],
  attention: ['Needs attention', '확인이 필요합니다'], allGood: ['Nothing failed and nothing is stale.', '실패하거나 오래된 것이 없습니다.'], changed: ['Recently changed', '최근 변경'],
  startHere: ['Start here', '여기서 시작하세요'], mostUsed: ['Most used', '많이 쓰이는 것'], about: ['About this project', '프로젝트 소개'],
  description: ['Description', '설명'], noDescription: ['Nobody has described this yet.', '아직 설명이 없습니다.'],
  columns: ['Columns', '컬럼'], column: ['Column', '컬럼'], type: ['Type', '타입'], tests: ['Tests', '테스트'], from: ['Comes from', '출처'], to: ['Used in', '사용처'],
  noColumns: ['No columns are known: describe them, or generate with a catalog.', '알려진 컬럼이 없습니다. 설명을 쓰거나 카탈로그와 함께 생성하세요.'],
  filterColumns: ['Filter columns', '컬럼 필터'], code: ['Code', '코드'], source: ['Source', '원본'], compiled: ['Compiled', '컴파일됨'],
  uses: ['Built from', '상위'], usedBy: ['Used by', '하위'], nothing: ['nothing', '없음'], details: ['Details', '상세'], configuration: ['Configuration', '설정'], meta: ['Meta', '메타'],
  copy: ['Copy', '복사'], copied: ['Copied', '복사됨'], copyName: ['Copy name', '이름 복사'], openLineage: ['Open lineage', '계보 열기'],
  kind: ['Kind', '종류'], name: ['Name', '이름'], layer: ['Layer', '계층'], folder: ['Folder', '폴더'], tag: ['Tag', '태그'], owner: ['Owner', '담당자'], package: ['Package', '패키지'],
  materialized: ['Materialized', '구체화'], status: ['State', '상태'], all: ['all', '전체'], rows: ['Rows', '행'], size: ['Size', '크기'], filter: ['Filter', '필터'],
  resources: ['resources', '개 리소스'], shown: ['shown', '표시'], more: ['Show more', '더 보기'],
  pass: ['passed', '통과'], warn: ['warning', '경고'], fail: ['failed', '실패'], skipState: ['skipped', '건너뜀'], none: ['not run', '실행 안 됨'],
  fresh: ['fresh', '최신'], stale: ['stale', '오래됨'], freshness: ['Freshness', '최신성'], age: ['Age', '경과'], loadedAt: ['Loaded', '적재 시각'],
  lastResult: ['Last result', '마지막 결과'], duration: ['Duration', '소요 시간'], failures: ['Failures', '실패 건수'], message: ['Message', '메시지'], when: ['When', '시각'],
  select: ['Selection, as in --select', '선택 (--select 문법)'], apply: ['Show', '보기'], colorBy: ['Colour', '색'], collapse: ['Collapse', '접기'], noCollapse: ['nothing', '없음'], automatic: ['automatic', '자동'],
  fit: ['Fit', '맞춤'], zoomIn: ['Zoom in', '확대'], zoomOut: ['Zoom out', '축소'], exportSvg: ['SVG', 'SVG'], exportPng: ['PNG', 'PNG'],
  graph: ['Graph', '그래프'], table: ['Table', '표'], pathFrom: ['Path from', '경로 시작'], pathTo: ['Path to', '경로 끝'], noPath: ['There is no path between the two', '두 노드 사이에 경로가 없습니다'], pathLength: ['steps on the shortest way', '단계 (최단 경로)'],
  showParents: ['Show what it is built from', '상위 펼치기'], showChildren: ['Show what is built from it', '하위 펼치기'], openPage: ['Open page', '페이지 열기'], focus: ['Only this and its neighbours', '이것과 이웃만'], openGroup: ['Open the group', '묶음 펼치기'],
  pathFromHere: ['Path from here', '여기서부터 경로'], pathToHere: ['Path to here', '여기까지 경로'], close: ['Close', '닫기'], emptyGraph: ['Nothing is selected', '선택된 것이 없습니다'],
  unknownSelector: ['Nothing matches', '일치하는 것이 없음'], nodes: ['nodes', '개 노드'], steps: ['Steps', '단계'],
  graphHelp: ['Arrow keys walk along the graph, Enter opens a page, [ and ] expand, + and - zoom, f fits.', '화살표로 그래프 이동, Enter로 페이지 열기, [ ] 로 펼치기, + - 로 확대/축소, f 로 맞춤.'],
  columnLineage: ['Column lineage', '컬럼 계보'], impact: ['What a change would touch', '변경 영향'], origins: ['Where it comes from', '어디에서 오는가'], columnUnknown: ['Not everything is known here', '모두 알 수는 없습니다'], noColumnLineage: ['No lineage is known for this column.', '이 컬럼의 계보를 알 수 없습니다.'],
  influence: ['Decides which rows there are', '어떤 행이 나올지 결정'],
  copiedKind: ['copied', '복사'], renamed: ['renamed', '이름 변경'], derived: ['derived', '계산'], aggregated: ['aggregated', '집계'], filtered: ['filters rows', '행 필터'], joined: ['joins rows', '조인 조건'], grouped: ['groups rows', '그룹 기준'], sorted: ['orders rows', '정렬 기준'],
  exposuresTouched: ['Exposures downstream', '영향받는 활용처'],
  coverage: ['Coverage', '커버리지'], modelsDescribed: ['Described', '설명 있음'], modelsTested: ['Tested', '테스트 있음'], columnsDescribed: ['Columns described', '설명된 컬럼'], columnsTested: ['Columns tested', '테스트된 컬럼'],
  problems: ['Failures and warnings', '실패와 경고'], criticalPath: ['Critical path of the last run', '마지막 실행의 임계 경로'], criticalHelp: ['However many threads there are, a run cannot be shorter than this chain.', '스레드를 늘려도 이 사슬보다 빨라질 수는 없습니다.'],
  noFreshness: ['Nothing was measured yet: tform freshness does it.', '아직 측정되지 않았습니다. tform freshness 로 측정합니다.'], noTests: ['There are no tests.', '테스트가 없습니다.'], ofRun: ['of the run', '실행 대비'],
  on: ['on', '대상'], arguments: ['Arguments', '인자'], macros: ['Macros', '매크로'], stats: ['In the warehouse', '웨어하우스에서'], relation: ['Relation', '릴레이션'], file: ['File', '파일'], describedIn: ['Described in', '설명 파일'], definition: ['Definition', '정의'], group: ['Group', '그룹'],
  versions: ['Versions', '버전'], dependencies: ['Dependencies', '의존 관계'], tree: ['Project', '프로젝트'], constraints: ['Constraints', '제약'],
  model: ['model', '모델'], seed: ['seed', '시드'], snapshot: ['snapshot', '스냅샷'], exposure: ['exposure', '활용처'], metric: ['metric', '지표'], semantic_model: ['semantic model', '시맨틱 모델'], saved_query: ['saved query', '저장된 쿼리'], test: ['test', '테스트'], unit_test: ['unit test', '단위 테스트'], macro: ['macro', '매크로'], analysis: ['analysis', '분석'], function: ['function', '함수'],
  models: ['models', '모델'], sources: ['sources', '원천'], testsCount: ['tests', '테스트'], exposuresCount: ['exposures', '활용처'], columnsCount: ['columns', '컬럼'],
  sourceKind: ['source', '원천'], materialization: ['materialization', '구체화'], project: ['project colours', '프로젝트 색'],
  databaseLabel: ['Database', '데이터베이스'], schema: ['Schema', '스키마'],
} satisfies Record<string, [string, string]>;

export type Word = keyof typeof WORDS;
export type Language = 'en' | 'ko';

const stored = (key: string): string | null => { try { return localStorage.getItem(key); } catch { return null; } };
export const remember = (key: string, value: string) => { try { localStorage.setItem(key, value); } catch { /* a private window forgets */ } };

let language: Language = (() => {
  const chosen = stored('tform.language') ?? navigator.language;
  return chosen.toLowerCase().startsWith('ko') ? 'ko' : 'en';
})();
document.documentElement.lang = language;

export function current(): Language { return language; }

export function setLanguage(next: Language) {
  language = next;
  document.documentElement.lang = next;
  remember('tform.language', next);
}

export function t(word: Word): string { return WORDS[word][language === 'ko' ? 1 : 0]; }

/** A word that comes from the data, translated where it has a translation. */
export function kindWord(kind: string): string {
  if (kind === 'source') return t('sourceKind');
  return kind in WORDS ? t(kind as Word) : kind;
}

export function storedTheme(): string { return stored('tform.theme') ?? 'auto'; }

export function number(value: number): string { return value.toLocaleString(language); }

export function percent(part: number, whole: number): string { return whole ? `${Math.round((100 * part) / whole)}%` : '–'; }

export function seconds(value: number): string {
  if (value < 0.01) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(2)} s`;
  if (value < 120) return `${value.toFixed(0)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

export function bytes(value: number): string {
  const step = Math.min(4, Math.max(0, Math.floor(Math.log(Math.max(1, value)) / Math.log(1000))));
  return step ? `${(value / 1000 ** step).toLocaleString(language, { maximumFractionDigits: 1 })} ${['kB', 'MB', 'GB', 'TB'][step - 1]}` : `${number(value)} B`;
}

export function age(value: number): string {
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.round(value / 60)} min`;
  if (value < 172_800) return `${Math.round(value / 3600)} h`;
  return language === 'ko' ? `${Math.round(value / 86_400)}일` : `${Math.round(value / 86_400)} days`;
}

export function moment(text: string | undefined): string {
  if (!text) return '';
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  return time.toLocaleString(language === 'ko' ? 'ko-KR' : 'en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}
