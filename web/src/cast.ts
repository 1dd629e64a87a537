// Reads a recording (asciicast v3) into what the player plays: moments with pauses cut, sizes within limits, and the marks
// beside it. It finds text in what was shown. Must not know the page.

/** A pause is cut to this, in seconds. */
const IDLE_S_MAX = 2;
/** A terminal is drawn up to this size, whatever the recording says. */
const COLUMNS_MAX = 500;
const ROWS_MAX = 200;
/** Places that are found at most. */
export const FOUND_MAX = 1_000;

/** A moment with its words. */
export interface Mark {
  at: number;
  words: string;
}

export interface Cast {
  /** What the player reads: an asciicast v3 again, with seconds since the line before. */
  lines: unknown[];
  /** What was sent to the terminal, and when. */
  sent: [at: number, text: string][];
  marks: Mark[];
}

/** Characters that turn or hide what stands beside them (UAX #9): a cell shows one as what it cannot show. */
const TURNING = /[\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g;

/** Throws when the lines are no recording. */
export function read(text: string): Cast {
  const lines = text.split('\n').filter((line) => line !== '');
  const header = JSON.parse(lines[0] ?? '');
  if (header.version !== 3) throw new Error('no asciicast v3');
  const term = sizeOf(header.term.cols, header.term.rows);
  const cast: Cast = { lines: [{ version: 3, term }], sent: [], marks: [] };
  let at = 0;
  for (const line of lines.slice(1)) {
    const [passed, code, data]: [number, string, string] = JSON.parse(line);
    const waited = Math.min(passed, IDLE_S_MAX);
    at += waited;
    cast.lines.push([waited, code, moment(code, data)]);
    if (code === 'o') cast.sent.push([at, data]);
    if (code === 'm') cast.marks.push({ at, words: named(data) });
  }
  return cast;
}

/** What the player is told of an event. */
export function moment(code: string, data: string): string {
  if (code === 'o') return data.replace(TURNING, '\uFFFD');
  if (code !== 'r') return named(data);
  const [columns, rows] = data.split('x').map(Number);
  const { cols, rows: lines } = sizeOf(columns, rows);
  return `${cols}x${lines}`;
}

export function sizeOf(columns: number | undefined, rows: number | undefined): { cols: number; rows: number } {
  const within = (n: number | undefined, most: number): number => Math.min(Math.max(Math.trunc(n ?? 0) || 1, 1), most);
  return { cols: within(columns, COLUMNS_MAX), rows: within(rows, ROWS_MAX) };
}

/** A text in which nothing stays hidden. */
function named(text: string): string {
  const name = (c: string): string => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, name);
}

/** Seconds as a clock shows them. */
export function clock(seconds: number): string {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return `${minutes}:${String(rest).padStart(2, '0')}`;
}

/** What a terminal is told rather than shows (ECMA-48, xterm): sequences, strings for it, and controls but the line's end. */
const TOLD =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x09\x0b-\x1f\x7f-\x9f]/g;

/** What was shown, in the order in which it came, to be searched. */
export class Shown {
  private text = '';
  /** Where in the text a stretch of output begins, and where that is in all that was sent. */
  private stretches: [number, number][] = [];
  /** Where in all that was sent an event begins, and when that was. */
  private moments: [number, number][] = [];

  constructor(sent: Cast['sent']) {
    let length = 0;
    for (const [at, text] of sent) {
      this.moments.push([length, at]);
      length += text.length;
    }
    this.strip(sent.map(([, text]) => text).join(''));
  }

  private strip(sent: string): void {
    const kept: string[] = [];
    let [from, length] = [0, 0];
    const keep = (until: number): void => {
      if (until === from) return;
      this.stretches.push([length, from]);
      kept.push(sent.slice(from, until));
      length += until - from;
    };
    for (const told of sent.matchAll(TOLD)) {
      keep(told.index);
      from = told.index + told[0].length;
    }
    keep(sent.length);
    this.text = kept.join('');
  }

  /** When a text was shown, each time, up to `FOUND_MAX`; capitals are all the same. */
  find(sought: string): number[] {
    if (sought === '') return [];
    const found: number[] = [];
    const literal = new RegExp(sought.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'gi');
    for (const hit of this.text.matchAll(literal)) {
      const [start, sent] = last(this.stretches, hit.index + hit[0].length - 1);
      found.push(last(this.moments, sent + hit.index + hit[0].length - 1 - start)[1]);
      if (found.length === FOUND_MAX) break;
    }
    return found;
  }
}

/** The last pair that begins at or before. */
function last(pairs: [number, number][], at: number): [number, number] {
  let [low, high] = [0, pairs.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((pairs[middle]?.[0] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return pairs[low] ?? [0, 0];
}
