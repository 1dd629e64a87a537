// A field that takes several names gets a line beside it that finds them and adds the one chosen. Without this file the
// names are typed.

export function findNames(): void {
  document.querySelectorAll<HTMLTextAreaElement>('textarea[data-names]').forEach(addLine);
}

function addLine(area: HTMLTextAreaElement): void {
  const list = document.getElementById(area.dataset['names'] ?? '');
  if (!(list instanceof HTMLDataListElement) || list.options.length === 0) return;
  const label = document.querySelector(`label[for="${area.id}"]`)?.firstChild?.textContent?.trim() ?? '';
  const line = document.createElement('div');
  line.className = 'adder';
  const input = Object.assign(document.createElement('input'), { type: 'text', placeholder: 'Find', autocomplete: 'off' });
  input.setAttribute('list', list.id);
  input.setAttribute('aria-label', `Find and add: ${label}`);
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Add' });
  button.setAttribute('aria-label', `Add to ${label}`);
  const known = (name: string) => [...list.options].some((option) => option.value === name);
  const add = () => {
    const name = input.value.trim();
    if (!name) return input.focus();
    const there = area.value.split(/\r?\n/).map((text) => text.trim()).filter(Boolean);
    if (!there.includes(name)) area.value = [...there, name].join('\n');
    input.value = '';
    area.dispatchEvent(new Event('change', { bubbles: true }));
  };
  button.addEventListener('click', add);
  // What is being looked for is no part of the form, so it changes nothing before it is added.
  input.addEventListener('change', (event) => event.stopPropagation());
  input.addEventListener('input', (event) => {
    // Chosen from the list, not typed.
    if (known(input.value) && !(event instanceof InputEvent && event.inputType === 'insertText')) add();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    add();
  });
  line.append(input, button);
  area.after(line);
}
