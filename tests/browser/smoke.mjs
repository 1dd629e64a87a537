// Proves the browser harness itself: a good page passes at both sizes, a bad one is caught.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { checkAccessibility, checkWidth, launch, openPage, screenshot, sizes, troubles } from './lib.mjs';

const dataUrl = (html) => `data:text/html,${encodeURIComponent(html)}`;
const good = dataUrl(
  '<!doctype html><html lang="en"><title>Good</title><main><h1>Good</h1><p>Text</p></main></html>',
);
const bad = dataUrl(
  '<!doctype html><html lang="en"><title>Bad</title><main><h1>Bad</h1><input><button></button></main></html>',
);
const wide = dataUrl('<!doctype html><html lang="en"><title>Wide</title><p><img alt="" width="2000"></p></html>');
const scripted = dataUrl(
  `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'"><script>1</script>`,
);

const browser = await launch();
try {
  for (const [name, size] of Object.entries(sizes)) {
    const page = await openPage(browser, good, size);
    assert.equal(await page.title(), 'Good');
    assert.equal(await page.evaluate(() => globalThis.innerWidth), size.width);
    await checkAccessibility(page);
    await checkWidth(page);
    const file = await screenshot(page, `harness-smoke-${name}`);
    assert.ok((await stat(file)).size > 1000);
    await page.context().close();
  }
  const page = await openPage(browser, bad);
  await assert.rejects(checkAccessibility(page), /label|button-name/);
  await assert.rejects(checkWidth(await openPage(browser, wide)), /wider than its window: .*img/);
  assert.deepEqual(troubles, []);
  await openPage(browser, scripted);
  assert.match(troubles.join(), /Content Security Policy/);
  console.log(`browser ${browser.version()} works`);
} finally {
  await browser.close();
}
