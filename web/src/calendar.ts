// Choosing a free stretch in the calendar fills in from and until, and the calendar is drawn around them again. Where
// within a long stretch is said by where it is pressed; without this file, and by keyboard, it begins where the stretch does.

const STEP_MIN = 30;

export function chooseStretch(): void {
  document.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = (event.target as Element).closest<HTMLAnchorElement>('#calendar a[data-start]');
    const start = document.querySelector<HTMLInputElement>('#start');
    const end = document.querySelector<HTMLInputElement>('#end');
    if (!link || !start || !end) return;
    event.preventDefault();
    const { from, until } = chosen(link, event);
    start.value = from;
    end.value = until;
    const said = document.getElementById('said');
    if (said) said.textContent = `From ${from.replace('T', ' ')} until ${until.replace('T', ' ')} is filled in.`;
    start.focus();
    end.dispatchEvent(new Event('change', { bubbles: true }));
  });
}

/** What is filled in: the server's choice, moved along to where the stretch was pressed. */
function chosen(link: HTMLAnchorElement, event: MouseEvent): { from: string; until: string } {
  const { start = '', end = '', until = '' } = link.dataset;
  const asGiven = { from: start, until: end };
  const box = link.getBoundingClientRect();
  // A press of a key has no place, and on phones a stretch is a line whose width means nothing.
  if (event.detail === 0 || getComputedStyle(link.closest('td') ?? link).display !== 'table-cell') return asGiven;
  const [first, last, usual] = [minutes(start), minutes(until), minutes(end) - minutes(start)];
  const pressed = first + ((last - first) * (event.clientX - box.left)) / box.width;
  const from = Math.max(first, Math.min(Math.floor(pressed / STEP_MIN) * STEP_MIN, last - usual));
  return from === first ? asGiven : { from: field(from), until: field(Math.min(from + usual, last)) };
}

/** The minutes of a field's time, as if every day had 24 hours: fields name times of day, not moments. */
function minutes(text: string): number {
  return Date.parse(`${text}Z`) / 60_000;
}

function field(at: number): string {
  return new Date(at * 60_000).toISOString().slice(0, 16);
}
