// Replays what a terminal showed, or shows it while it goes on. Only that page loads this file. What the target sent is drawn as cells by the player's own
// terminal and reaches the page in no other way; words beside it are set as text.

import { create, type Player, type Source } from 'asciinema-player';
import { type Cast, FOUND_MAX, Shown, clock, read } from './cast';
import { type End, following } from './follow';

/** Moments are written to the thousandth of a second; sums of them must not fall short of what was shown then. */
const LATER_S = 0.0005;

const DARK = window.matchMedia('(prefers-color-scheme: dark)');

const place = document.querySelector<HTMLElement>('[data-cast]');
const stage = document.getElementById('player');
if (place && stage) void begin(place, stage);
const live = document.querySelector<HTMLElement>('[data-follow]');
if (live && stage) follow(live.dataset['follow'] ?? '', stage);

/** Shows what comes, until no more can. */
function follow(address: string, stage: HTMLElement): void {
  stage.replaceChildren();
  const words: Record<End, string> = {
    over: 'No more follows: what ran has ended, you were signed out, or you may not watch it any more.',
    lost: 'The connection was lost. Load the page again to go on.',
  };
  const over = (end: End): void => {
    const state = document.querySelector('#live-state span');
    if (state) state.textContent = words[end];
  };
  const marked = (words: string): void => {
    document.querySelector('[data-live-marks]')?.removeAttribute('hidden');
    const item = document.createElement('li');
    item.textContent = words;
    document.getElementById('marks')?.append(item);
  };
  create(following(address, over, marked) as Source, stage, {
    fit: 'width',
    controls: false,
    autoPlay: true,
    theme: 'countersign',
    terminalFontFamily: getComputedStyle(stage).getPropertyValue('--mono'),
  });
}

async function begin(place: HTMLElement, stage: HTMLElement): Promise<void> {
  tell(stage, 'Reading the recording …');
  let cast: Cast;
  try {
    const answer = await fetch(place.dataset['cast'] ?? '', { cache: 'no-store' });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    cast = read(await answer.text());
  } catch {
    tell(stage, 'The recording could not be read: there was no connection, you were signed out, or it is damaged. Load the page again.');
    return;
  }
  const screen = new Screen(stage, cast);
  listMarks(cast, screen);
  findText(cast, screen);
  document.querySelector('[data-controls]')?.removeAttribute('hidden');
}

function tell(stage: HTMLElement, words: string): void {
  const told = document.createElement('p');
  told.className = 'soft';
  told.setAttribute('role', 'status');
  told.textContent = words;
  stage.replaceChildren(told);
}

/** The player. It is made anew where speed or colours change, and goes on where it was. */
class Screen {
  private player: Player;
  private playing = false;
  private speed = 1;

  constructor(
    private stage: HTMLElement,
    private cast: Cast,
  ) {
    const named = /^#t=(\d+(?:\.\d+)?)$/.exec(window.location.hash);
    stage.replaceChildren();
    this.player = this.made();
    if (named) void this.seek(Number(named[1]));
    DARK.addEventListener('change', () => this.anew());
    document.getElementById('speed')?.addEventListener('change', (event) => {
      this.speed = Number((event.target as HTMLSelectElement).value);
      this.anew();
    });
  }

  /** Goes to a moment and stands there. */
  show(at: number): void {
    void this.player.pause();
    void this.seek(at);
    this.stage.scrollIntoView({ block: 'nearest' });
  }

  /** Nothing lies over the screen that somebody asked for. */
  private seek(at: number): Promise<boolean | void> {
    this.stage.classList.add('sought');
    return this.player.seek(at + LATER_S);
  }

  private anew(): void {
    const [at, playing] = [this.player.getCurrentTime(), this.playing];
    this.player.dispose();
    this.player = this.made();
    if (at > 0) void this.seek(at).then(() => (playing ? this.player.play() : undefined));
  }

  private made(): Player {
    const player = create({ data: this.cast.lines }, this.stage, {
      fit: 'width',
      controls: true,
      preload: true,
      speed: this.speed,
      theme: 'countersign',
      terminalFontFamily: getComputedStyle(this.stage).getPropertyValue('--mono'),
    });
    player.addEventListener('playing', () => (this.playing = true));
    for (const over of ['pause', 'ended'] as const) player.addEventListener(over, () => (this.playing = false));
    const frame = this.stage.querySelector<HTMLElement>('.ap-wrapper');
    frame?.setAttribute('tabindex', '0');
    frame?.setAttribute('role', 'group');
    frame?.setAttribute('aria-label', 'Player');
    return player;
  }
}

function listMarks(cast: Cast, screen: Screen): void {
  const list = document.getElementById('marks');
  document.getElementById('no-marks')?.toggleAttribute('hidden', cast.marks.length > 0);
  for (const { at, words } of cast.marks) {
    const [item, link, when] = [document.createElement('li'), document.createElement('a'), document.createElement('span')];
    link.href = `#t=${at.toFixed(3)}`;
    when.className = 'soft';
    when.textContent = `${clock(at)} `;
    link.append(when, words);
    link.addEventListener('click', () => screen.show(at));
    item.append(link);
    list?.append(item);
  }
}

function findText(cast: Cast, screen: Screen): void {
  const shown = new Shown(cast.sent);
  const field = document.querySelector<HTMLInputElement>('#sought');
  const said = document.getElementById('found');
  let [places, at, sought]: [number[], number, string] = [[], -1, ''];
  const go = (by: number): void => {
    if (!field || !said) return;
    if (field.value !== sought) [sought, places, at] = [field.value, shown.find(field.value), by > 0 ? -1 : 0];
    if (places.length === 0) {
      said.textContent = sought === '' ? '' : 'Not found.';
      return;
    }
    at = (at + by + places.length) % places.length;
    const all = places.length === FOUND_MAX ? `the first ${FOUND_MAX}` : String(places.length);
    said.textContent = `${at + 1} of ${all}, at ${clock(places[at] ?? 0)}`;
    screen.show(places[at] ?? 0);
  };
  document.getElementById('find')?.addEventListener('submit', (event) => {
    event.preventDefault();
    go(1);
  });
  document.getElementById('find-back')?.addEventListener('click', () => go(-1));
}
