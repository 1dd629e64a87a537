// The stream of changes: says when it is interrupted or a tap was not sent, and leaves when the session has ended.

import htmx from './htmx';

export function followLive(): void {
  document.addEventListener('htmx:sseOpen', (event) => {
    upToDate();
    const source = (event as CustomEvent).detail.source as EventSource;
    source.addEventListener('ended', () => {
      source.close();
      window.location.reload();
    });
  });
  document.addEventListener('htmx:sseError', outOfDate);
  window.addEventListener('offline', outOfDate);
  window.addEventListener('online', () => htmx.trigger('#live', 'sse:change', {}));
  document.addEventListener('htmx:sendError', onSendError);
  document.addEventListener('htmx:timeout', onSendError);
  document.addEventListener('htmx:beforeRequest', () => hide('unsent'));
  document.addEventListener('htmx:afterOnLoad', (event) => {
    if ((event as CustomEvent).detail.elt?.id === 'live') upToDate();
  });
}

/** What asks for itself was only not fetched; what somebody sent was not sent, and they must know. */
function onSendError(event: Event): void {
  const config = (event as CustomEvent).detail.requestConfig as { verb?: string } | undefined;
  if (config?.verb === 'get') outOfDate();
  else show('unsent');
}

function outOfDate(): void {
  show('offline');
}

function upToDate(): void {
  hide('offline');
}

function show(id: string): void {
  document.getElementById(id)?.removeAttribute('hidden');
}

function hide(id: string): void {
  document.getElementById(id)?.setAttribute('hidden', '');
}
