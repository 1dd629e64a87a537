// Folds: what an address names stands open, and the menu closes on Escape and on a tap beside it. Without this file both are
// opened and closed by hand.

export function openNamed(): void {
  const named = document.getElementById(window.location.hash.slice(1));
  const fold = named?.closest('details');
  if (!fold) return;
  fold.open = true;
  fold.querySelector<HTMLElement>('input:not([type="hidden"]), textarea, button')?.focus();
}

export function closeMenu(): void {
  const menu = () => document.querySelector<HTMLDetailsElement>('.top details[open]');
  document.addEventListener('keydown', (event) => {
    const open = menu();
    if (event.key !== 'Escape' || !open) return;
    open.open = false;
    open.querySelector('summary')?.focus();
  });
  document.addEventListener('click', (event) => {
    const open = menu();
    if (open && !open.contains(event.target as Node)) open.open = false;
  });
}
