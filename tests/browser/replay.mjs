// The page that replays a terminal: how one gets there, marks, keys, speed, search, both sizes and colour schemes.

import assert from 'node:assert/strict';
import { checkAccessibility, checkWidth, launch, screenshot, sizes, troubles } from './lib.mjs';
import { address, signIn } from './shop.mjs';

const path = process.env['COUNTERSIGN_REPLAY'];
const browser = await launch();
try {
  const page = await signIn(browser, 'ada', path.replace(/terminals.*/, 'transcript'));
  await page.getByRole('link', { name: 'Replay of command 1' }).click();
  await page.waitForURL(address + path);
  // What is typed in a free shell may raise alerts as well, which are looked at elsewhere.
  const marks = page.locator('#marks a').filter({ hasNotText: 'alert: ' });
  await marks.first().waitFor();
  const words = await marks.allTextContents();
  assert.deepEqual(words.map((text) => text.replace(/^\d+:\d\d /, '').replace(/ #\d+/, '')), ['held', 'released', 'exit status 3']);
  const term = page.locator('.ap-term');

  // Each mark shows the screen as it was then.
  await marks.last().click();
  await term.getByText('second-hello').first().waitFor();
  await marks.first().click();
  await term.getByText('second-hello').first().waitFor({ state: 'hidden' });
  await term.getByText('hello-42').first().waitFor();

  // Keys: play to the end, back to the start.
  await page.locator('#speed').selectOption('8');
  await term.getByText('hello-42').first().waitFor();
  await page.locator('.ap-wrapper').focus();
  await page.keyboard.press(' ');
  await term.getByText('second-hello').first().waitFor();
  await page.keyboard.press('0');
  await term.getByText('second-hello').first().waitFor({ state: 'hidden' });
  await page.keyboard.press('?');
  assert.equal(await page.locator('dialog#keys[open]').count(), 0, 'keys in the player are the player’s');
  await page.keyboard.press('Escape');

  // What was shown is found, colours or not, and the screen stands where it was shown.
  await page.keyboard.press('Tab');
  await page.locator('#sought').fill('GREEN RED');
  await page.locator('#sought').press('Enter');
  await page.locator('#found').getByText('1 of 1').waitFor();
  await term.getByText('green').first().waitFor();
  await page.locator('#sought').fill('second-hello');
  await page.locator('#sought').press('Enter');
  await page.locator('#found').getByText(/^1 of \d/).waitFor();
  await term.getByText('second-hello').first().waitFor();
  await page.locator('#sought').fill('never shown (');
  await page.locator('#sought').press('Enter');
  await page.locator('#found').getByText('Not found.').waitFor();

  await marks.last().click();
  for (const [sizeName, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await term.getByText('second-hello').first().waitFor();
      await page.mouse.move(0, 0);
      await screenshot(page, `replay-${sizeName}${colorScheme === 'dark' ? '-dark' : ''}`);
      await checkAccessibility(page);
    }
    await checkWidth(page);
  }

  // A mark's link can be passed on.
  const link = await marks.last().getAttribute('href');
  await page.setViewportSize(sizes.desktop);
  await page.goto(`${address}/sessions`);
  await page.goto(address + path + link);
  await term.getByText('second-hello').first().waitFor();
  assert.deepEqual(troubles, []);

  // Others are told that there is nothing.
  const other = await signIn(browser, 'bob', '/sessions');
  for (const end of ['', '/cast']) {
    const answer = await other.request.get(address + path + end);
    assert.equal(answer.status(), 404);
  }
} finally {
  await browser.close();
}
