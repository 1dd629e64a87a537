// Reads a recording (asciicast v3) into what the player plays: moments with pauses cut, sizes within limits, and the marks
// beside it. It finds text in what was shown. Must not know the page.

import type { Recording, RecordingEvent } from 'asciinema-player';

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

export interface Cast extends Recording {
  events: RecordingEvent[];
  marks: Mark[];
}

/** Characters that turn or hide what stands beside them (UAX #9): a cell shows one as what it cannot show. */
const TURNING = /[\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g;

/** Throws when the lines are no recording. */
export function read(text: string): Cast {
  const lines = text.split('\n').filter((line) => line !== '');
  const header = JSON.parse(lines[0] ?? '');
  if (header.version !== 3) throw new Error('no asciicast v3');
  const size = sized(header.term.cols, header.term.rows);
  const cast: Cast = { cols: size[0], rows: size[1], events: [], marks: [] };
  let at = 0;
  for (const line of lines.slice(1)) {
    const [passed, code, data]: [number, string, string] = JSON.parse(line);
    at += Math.min(passed, IDLE_S_MAX);
    if (code === 'o') cast.events.push([at, 'o', data.replace(TURNING, '\uFFFD')]);
    if (code === 'm') {
      cast.events.push([at, 'm', '']);
      cast.marks.push({ at, words: named(data) });
    }
    if (code === 'r') {
      const [cols, rows] = sized(...(data.split('x').map(Number) as [number, number]));
      cast.events.push([at, 'r', { cols, rows }]);
    }
  }
  return cast;
}

function sized(columns: number, rows: number): [number, number] {
  const within = (n: number, most: number): number => Math.min(Math.max(Math.trunc(n) || 1, 1), most);
  return [within(columns, COLUMNS_MAX), within(rows, ROWS_MAX)];
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

  constructor(events: RecordingEvent[]) {
    const sent: string[] = [];
    let length = 0;
    for (const [at, code, data] of events) {
      if (code !== 'o') continue;
      this.moments.push([length, at]);
      sent.push(String(data));
      length += String(data).length;
    }
    this.strip(sent.join(''));
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
