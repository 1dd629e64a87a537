// The stream of changes: says when it is interrupted, and leaves when the session has ended.

export function followLive(): void {
  const offline = () => document.getElementById('offline');
  document.addEventListener('htmx:sseOpen', (event) => {
    offline()?.setAttribute('hidden', '');
    const source = (event as CustomEvent).detail.source as EventSource;
    source.addEventListener('ended', () => {
      source.close();
      window.location.reload();
    });
  });
  document.addEventListener('htmx:sseError', () => offline()?.removeAttribute('hidden'));
}
