// Detail opens beside its list where there is room; elsewhere the link is a link.

import htmx from './htmx';

const ROOM = window.matchMedia('(min-width: 1240px)');

export function openBeside(): void {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[data-beside]');
    const beside = document.getElementById('beside');
    if (!link || !beside || !ROOM.matches) return;
    event.preventDefault();
    void open(link, beside);
  });
}

async function open(link: HTMLAnchorElement, beside: HTMLElement): Promise<void> {
  document.querySelectorAll('[data-item]').forEach((item) => item.classList.toggle('at', item.contains(link)));
  await htmx.ajax('get', link.href, { target: beside, select: '#detail', swap: 'innerHTML' });
  beside.querySelector<HTMLElement>('h1')?.focus();
}
