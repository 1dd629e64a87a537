// A recording of what a hostile target sends: drawn as cells, and nothing else happens.

import assert from 'node:assert/strict';
import { checkWidth, launch, screenshot, sizes, troubles } from './lib.mjs';
import { address, signIn } from './shop.mjs';

const path = process.env['COUNTERSIGN_REPLAY'];
const browser = await launch();
try {
  const page = await signIn(browser, 'ada', '/sessions');
  const [asked, popups] = [[], []];
  page.context().on('request', (request) => asked.push(request.url()));
  page.context().on('page', (other) => popups.push(other.url()));
  page.on('dialog', (dialog) => { popups.push(dialog.message()); void dialog.dismiss(); });
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.evaluate(() => navigator.clipboard.writeText('untouched'));
  await page.goto(address + path);
  await page.locator('#marks a').first().waitFor();
  // To the end, then played over once more.
  await page.locator('#marks a').last().click();
  await page.locator('.ap-term').getByText('and-plain').first().waitFor();
  await screenshot(page, 'replay-hostile');
  await page.locator('.ap-wrapper').press('0');
  await page.locator('#speed').selectOption('8');
  await page.locator('.ap-wrapper').press(' ');
  await page.locator('.ap-term').getByText('and-plain').first().waitFor();
  await checkWidth(page);
  await page.setViewportSize(sizes.phone);
  await checkWidth(page);
  const found = await page.evaluate(async () => ({
    evil: globalThis.evil ?? null,
    inside: document.querySelectorAll('#player a, #player img, #player script, #player iframe').length,
    title: document.title,
    clipboard: await navigator.clipboard.readText(),
    shown: document.querySelector('.ap-term').textContent,
  }));
  assert.equal(found.evil, null, 'no script ran');
  assert.equal(found.inside, 0, 'nothing became markup');
  assert.match(found.title, /^Replay of command 1 in /);
  assert.equal(found.clipboard, 'untouched');
  assert.match(found.shown, /<script>globalThis\.evil = true<\/script>/, 'markup is text');
  assert.doesNotMatch(found.shown, /[\u202e\u0000-\u0009\u000b-\u001f]/);
  assert.deepEqual(popups, []);
  assert.deepEqual(asked.filter((url) => !url.startsWith(`${address}/`) && !url.startsWith('data:')), [], 'nothing else was asked for');
  // What was sent is read once.
  assert.equal(asked.filter((url) => url.endsWith('/cast')).length, 1);
  assert.deepEqual(troubles, []);
} finally {
  await browser.close();
}
