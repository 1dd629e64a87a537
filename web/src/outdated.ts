// An answer stays until it is asked for again; meanwhile it says that it is of what stood in the form before.

export function markOutdated(): void {
  document.addEventListener('input', (event) => {
    if ((event.target as Element).closest('#rule-form')) shown(true);
  });
  document.addEventListener('htmx:afterSwap', (event) => {
    const target = (event as CustomEvent).detail.target as Element | undefined;
    if (target?.id === 'together') shown(false);
  });
}

function shown(is: boolean): void {
  document.querySelector('.outdated')?.classList.toggle('shown', is);
}
