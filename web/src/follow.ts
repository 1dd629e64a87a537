// A terminal while it goes on: the lines of an asciicast v3 as they come, handed to the player's own terminal at once. Must not
// know the page.

import { moment, sizeOf } from './cast';

/** How it came to an end. */
export type End = 'over' | 'lost';

/** What the player takes from a driver (asciinema-player, its drivers). */
export type Dispatch = (event: string, data?: unknown) => void;

/** A driver that reads the lines of a recording that goes on. `ended` is told how that ended, `marked` of each mark. */
export function following(address: string, ended: (end: End) => void, marked: (words: string) => void): unknown {
  return ({ dispatch }: { dispatch: Dispatch }) => {
    const stopped = new AbortController();
    let reading = false;
    return {
      play: () => {
        if (reading) return true;
        reading = true;
        dispatch('play');
        void read(address, stopped.signal, dispatch, marked).then((end) => {
          dispatch('ended', {});
          if (!stopped.signal.aborted) ended(end);
        });
        return true;
      },
      stop: () => stopped.abort(),
      getTiming: () => ({ time: null, rate: 0 }),
    };
  };
}

async function read(address: string, signal: AbortSignal, dispatch: Dispatch, marked: (words: string) => void): Promise<End> {
  try {
    const answer = await fetch(address, { cache: 'no-store', signal });
    if (!answer.ok || !answer.body) return 'lost';
    const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await lines.read();
      if (done) return 'over';
      const whole = (rest + value).split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) if (line !== '') tell(JSON.parse(line), dispatch, marked);
    }
  } catch {
    return 'lost';
  }
}

function tell(line: unknown, dispatch: Dispatch, marked: (words: string) => void): void {
  if (!Array.isArray(line)) {
    const { term } = line as { term: { cols: number; rows: number } };
    dispatch('reset', { size: sizeOf(term.cols, term.rows) });
    dispatch('playing');
    return;
  }
  const [, code, data] = line as [number, string, string];
  const told = moment(code, data);
  if (code === 'o') dispatch('output', told);
  if (code === 'm') marked(told);
  if (code === 'r') {
    const [columns, rows] = told.split('x').map(Number);
    dispatch('resize', sizeOf(columns, rows));
  }
}
