// Keys: `/` search, `j k` move, `Enter` open, `a r` decide, `?` help. A decision takes two presses: the first puts
// the focus on the button, the second (Enter, or the same key) presses it.

export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const act = acts[event.key];
    if (act && act()) event.preventDefault();
  });
}

const acts: Record<string, () => boolean> = {
  '/': () => focus(document.querySelector<HTMLInputElement>('input[type="search"]')),
  '?': () => {
    document.querySelector<HTMLDialogElement>('#keys')?.showModal();
    return true;
  },
  j: () => move(1),
  k: () => move(-1),
  o: () => press(current()?.querySelector<HTMLElement>('a[data-open]')),
  a: () => decide('approve'),
  r: () => decide('reject'),
};

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable], .ap-wrapper') !== null;
}

function items(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>('[data-item]')];
}

function current(): HTMLElement | undefined {
  return items().find((item) => item.classList.contains('at'));
}

function move(by: number): boolean {
  const all = items();
  if (all.length === 0) return false;
  const here = all.findIndex((item) => item.classList.contains('at'));
  const next = all[Math.min(Math.max(here + by, 0), all.length - 1)];
  all.forEach((item) => item.classList.toggle('at', item === next));
  next?.scrollIntoView({ block: 'nearest' });
  const link = next?.querySelector<HTMLElement>('a[data-open], a');
  link?.focus({ preventScroll: true });
  return true;
}

function decide(verdict: string): boolean {
  const within: ParentNode = current() ?? document;
  const button = within.querySelector<HTMLButtonElement>(`button[name="verdict"][value="${verdict}"]`);
  if (!button) return false;
  if (document.activeElement === button) button.click();
  else focus(button);
  return true;
}

function focus(element: HTMLElement | null | undefined): boolean {
  element?.focus();
  if (element instanceof HTMLInputElement) element.select();
  return element != null;
}

function press(element: HTMLElement | null | undefined): boolean {
  element?.click();
  return element != null;
}
