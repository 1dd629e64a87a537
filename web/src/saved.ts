// Searches kept under a name in this browser: a row of links above a list, and a button that keeps the present one.

const KEPT_MAX = 20;
const NAME_MAX = 60;

interface Kept {
  name: string;
  address: string;
}

/** Draws the row where the server left it empty: at first, and when a live update brought the list anew. */
export function keepSearches(): void {
  const row = document.querySelector<HTMLElement>('[data-saved]');
  if (row && row.dataset['savedDrawn'] !== row.dataset['savedHere']) draw(row);
}

/** What a live update says of the row is taken over; what is drawn in it stays until it is of another search. */
export function isSavedRow(before: Node, after: Node): boolean {
  if (!(before instanceof HTMLElement) || !(after instanceof HTMLElement) || !('saved' in before.dataset)) return false;
  for (const name of ['saved', 'savedHere', 'savedPlain']) {
    const value = after.dataset[name];
    if (value === undefined) delete before.dataset[name];
    else before.dataset[name] = value;
  }
  return true;
}

function draw(row: HTMLElement): void {
  const key = `saved:${row.dataset['saved'] ?? ''}`;
  const kept = read(key);
  const links = kept.map((one) => {
    const link = Object.assign(document.createElement('a'), { className: 'button quiet', textContent: one.name });
    // Only addresses of this list: what is kept here is text of this browser, and nothing more is made of it.
    link.href = one.address.startsWith(`${row.dataset['saved']}?`) ? one.address : (row.dataset['saved'] ?? '');
    return link;
  });
  row.dataset['savedDrawn'] = row.dataset['savedHere'] ?? '';
  row.replaceChildren(...links);
  if (row.dataset['savedPlain'] !== undefined) return;
  const here = row.dataset['savedHere'] ?? '';
  const known = kept.some((one) => one.address === here);
  const button = Object.assign(document.createElement('button'), {
    type: 'button',
    textContent: known ? 'Forget this search' : 'Keep this search',
  });
  button.addEventListener('click', () => {
    const name = known ? '' : (window.prompt('A name for this search') ?? '').trim().slice(0, NAME_MAX);
    if (!known && !name) return;
    const rest = kept.filter((one) => one.address !== here && one.name !== name);
    write(key, known ? rest : [...rest, { name, address: here }].slice(-KEPT_MAX));
    draw(row);
  });
  row.append(button);
}

function read(key: string): Kept[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(found) ? (found as Kept[]).filter((one) => one.name && one.address) : [];
  } catch {
    return [];
  }
}

function write(key: string, kept: Kept[]): void {
  localStorage.setItem(key, JSON.stringify(kept));
}
