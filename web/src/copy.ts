// Buttons that copy: `data-copy` names the element whose text is copied, or `data-copy-text` holds it.

const SAID_FOR_MS = 2000;

export function copyOnRequest(): void {
  document.addEventListener('click', (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>('button[data-copy], button[data-copy-text]');
    if (button) void copy(button);
  });
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const text = button.dataset['copyText'] ?? document.getElementById(button.dataset['copy'] ?? '')?.textContent ?? '';
  const said = button.querySelector('span') ?? button;
  const before = said.textContent;
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = 'Copied';
  } catch {
    said.textContent = 'Select and copy by hand';
  }
  announce(said.textContent ?? '');
  setTimeout(() => (said.textContent = before), SAID_FOR_MS);
}

/** Says `text` to screen readers. */
function announce(text: string): void {
  const region = document.getElementById('said');
  if (region) region.textContent = text;
}
